package sdae.tensor.cuda;

import static org.bytedeco.cuda.global.nvrtc.nvrtcCompileProgram;
import static org.bytedeco.cuda.global.nvrtc.nvrtcCreateProgram;
import static org.bytedeco.cuda.global.nvrtc.nvrtcDestroyProgram;
import static org.bytedeco.cuda.global.nvrtc.nvrtcGetErrorString;
import static org.bytedeco.cuda.global.nvrtc.nvrtcGetPTX;
import static org.bytedeco.cuda.global.nvrtc.nvrtcGetPTXSize;
import static org.bytedeco.cuda.global.nvrtc.nvrtcGetProgramLog;
import static org.bytedeco.cuda.global.nvrtc.nvrtcGetProgramLogSize;
import static org.bytedeco.cuda.global.nvrtc.nvrtcVersion;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bytedeco.cuda.nvrtc._nvrtcProgram;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.javacpp.SizeTPointer;
import sdae.tensor.DeviceException;

/** Compiles a .cu file of the jar to PTX where no nvcc was found at build time, and keeps the result on disk. */
final class Nvrtc {
    private static final Pattern INCLUDE = Pattern.compile("(?m)^\\s*#include \"(\\w+\\.cuh)\"");
    private static final Pattern LOCAL_GEOMETRY = Pattern.compile("(?m)^\\.global (?=.*_launch\\[)");
    private static final String ARCHITECTURE = "--gpu-architecture=compute_80";

    private Nvrtc() {}

    /**
     * The PTX of a family.
     *
     * @throws DeviceException without NVRTC or CUDA headers, or when the file does not compile
     */
    static String compile(String device, String family) {
        Map<String, String> files = new LinkedHashMap<>();
        collect(family + ".cu", files);
        try {
            Path cached = cacheFolder().resolve(family + "-" + hash(files) + ".ptx");
            if (Files.exists(cached)) {
                return Files.readString(cached);
            }
            String ptx = compile(device, family, files);
            Path written = Files.createTempFile(Files.createDirectories(cached.getParent()), family, ".new");
            Files.writeString(written, ptx);
            Files.move(written, cached, StandardCopyOption.ATOMIC_MOVE);
            return ptx;
        } catch (IOException e) {
            throw new DeviceException(device + ": the cache of compiled kernels cannot be used: " + e, e);
        } catch (LinkageError e) {
            throw new DeviceException(
                    device + ": the CUDA kernels were not built (no nvcc at build time) and NVRTC could not be loaded: "
                            + "build again with nvcc on PATH, or install libnvrtc.so.13 and the CUDA headers. Cause: "
                            + e.getMessage(),
                    e);
        }
    }

    /** A file of the jar and all that it includes, by name; included files after it. */
    private static void collect(String name, Map<String, String> files) {
        byte[] bytes = Modules.resource(name);
        if (bytes == null) {
            throw new DeviceException("cuda: " + Modules.FOLDER + name + " is not in the jar");
        }
        String text = new String(bytes, StandardCharsets.UTF_8);
        files.put(name, text);
        Matcher include = INCLUDE.matcher(text);
        while (include.find()) {
            if (!files.containsKey(include.group(1))) {
                collect(include.group(1), files);
            }
        }
    }

    private static Path cacheFolder() throws IOException {
        return Loader.getCacheDir().toPath().resolve("sdae-cuda");
    }

    private static String hash(Map<String, String> files) {
        int[] major = new int[1];
        int[] minor = new int[1];
        nvrtcVersion(major, minor);
        String all = files + ARCHITECTURE + major[0] + "." + minor[0];
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(all.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String compile(String device, String family, Map<String, String> files) {
        List<String> names = new ArrayList<>(files.keySet());
        names.remove(0);
        String[] headers = names.stream().map(files::get).toArray(String[]::new);
        _nvrtcProgram program = new _nvrtcProgram();
        try (BytePointer source = new BytePointer(files.get(family + ".cu"));
                BytePointer name = new BytePointer(family + ".cu");
                PointerPointer<Pointer> texts = new PointerPointer<>(headers);
                PointerPointer<Pointer> includes = new PointerPointer<>(names.toArray(new String[0]));
                PointerPointer<Pointer> options = new PointerPointer<>(
                        ARCHITECTURE,
                        "--std=c++17",
                        "--device-as-default-execution-space", // of lambdas; nvcc needs no word for it
                        "-I" + headers(device))) {
            check(nvrtcCreateProgram(program, source, name, headers.length, texts, includes), "nvrtcCreateProgram");
            int compiled = nvrtcCompileProgram(program, 4, options);
            if (compiled != 0) {
                throw new DeviceException(device + ": NVRTC: " + family + ".cu: "
                        + nvrtcGetErrorString(compiled).getString() + "\n" + log(program));
            }
            return ptx(program);
        } finally {
            if (!program.isNull()) {
                nvrtcDestroyProgram(program);
            }
        }
    }

    private static String ptx(_nvrtcProgram program) {
        try (SizeTPointer size = new SizeTPointer(1)) {
            check(nvrtcGetPTXSize(program, size), "nvrtcGetPTXSize");
            byte[] text = new byte[(int) size.get()];
            check(nvrtcGetPTX(program, text), "nvrtcGetPTX");
            String ptx = new String(text, 0, text.length - 1, StandardCharsets.UTF_8);
            return LOCAL_GEOMETRY.matcher(ptx).replaceAll(".visible .global "); // as cuda.mk does
        }
    }

    private static String log(_nvrtcProgram program) {
        try (SizeTPointer size = new SizeTPointer(1)) {
            nvrtcGetProgramLogSize(program, size);
            byte[] text = new byte[(int) size.get()];
            nvrtcGetProgramLog(program, text);
            return new String(text, StandardCharsets.UTF_8).strip();
        }
    }

    private static void check(int code, String what) {
        if (code != 0) {
            throw new DeviceException(
                    "cuda: " + what + ": " + nvrtcGetErrorString(code).getString());
        }
    }

    /** The folder with {@code cuda_bf16.h}. */
    private static Path headers(String device) {
        List<Path> folders = Stream.of(System.getenv("CUDA_HOME"), System.getenv("CUDA_PATH"), "/usr/local/cuda")
                .filter(Objects::nonNull)
                .map(home -> Path.of(home, "include"))
                .toList();
        return folders.stream()
                .filter(folder -> Files.exists(folder.resolve("cuda_bf16.h")))
                .findFirst()
                .orElseThrow(() -> new DeviceException(device + ": NVRTC needs cuda_bf16.h, which is in none of "
                        + folders + "; set CUDA_HOME to a CUDA 13 toolkit"));
    }
}
