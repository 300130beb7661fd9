# What `ptxas -v` reports, as a table: a line for each kernel and architecture.
BEGIN {
  OFS = "\t"
  print "kernel", "arch", "registers", "spill_stores", "spill_loads", "stack", "shared"
}
function before(word, i) {
  for (i = 2; i <= NF; i++)
    if ($i ~ "^" word) return $(i - 1)
  return 0
}
/Compiling entry function/ {
  split($0, part, "'")
  kernel = part[2]
  arch = part[4]
}
/bytes stack frame/ {
  stack = $1
  stores = $5
  loads = $9
}
/Used [0-9]+ registers/ {
  shared = 0
  if (match($0, /[0-9]+ bytes smem/)) shared = substr($0, RSTART, RLENGTH) + 0
  print kernel, arch, before("registers"), stores, loads, stack, shared
}
