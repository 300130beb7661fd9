// Bytes: search, counting, hashing, run lengths.

// Where `pattern` begins in `text`: found[i] = 1; how often in *count.
extern "C" __global__ void search(const char* text, int length, const char* pattern, int m, unsigned char* found,
                                  int* count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  bool hit = false;
  if (i + m <= length) {
    hit = true;
    for (int k = 0; k < m; k++)
      if (text[i + k] != pattern[k]) {
        hit = false;
        break;
      }
  }
  if (i < length) found[i] = hit;
  int hits = __syncthreads_count(hit);
  if (threadIdx.x == 0 && hits) atomicAdd(count, hits);
}

// FNV-1a and CRC-32 of fixed-size records.
extern "C" __global__ void hashes(const unsigned char* records, int size, int n, unsigned long long* fnv,
                                  unsigned int* crc) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned long long h = 14695981039346656037ull;
  unsigned int c = 0xffffffffu;
  const unsigned char* p = records + (size_t)i * size;
  for (int k = 0; k < size; k++) {
    h = (h ^ p[k]) * 1099511628211ull;
    c ^= p[k];
    for (int b = 0; b < 8; b++) c = c >> 1 ^ (0xedb88320u & -(c & 1));
  }
  fnv[i] = h;
  crc[i] = ~c;
}

// To upper case, four bytes a word, with the byte-wise SIMD intrinsics.
extern "C" __global__ void upper_case(unsigned int* words, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned int w = words[i];
  unsigned int lower = __vcmpgeu4(w, 0x61616161u) & __vcmpleu4(w, 0x7a7a7a7au);
  words[i] = w - (lower & 0x20202020u);
}

// Decodes UTF-8 heads: length of the character that starts at each byte, 0 inside one.
extern "C" __global__ void utf8_lengths(const unsigned char* s, signed char* length, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned char b = s[i];
  int ones = __clz(~((unsigned int)b << 24));
  length[i] = ones == 0 ? 1 : ones == 1 ? 0 : ones <= 4 ? ones : -1;
}
