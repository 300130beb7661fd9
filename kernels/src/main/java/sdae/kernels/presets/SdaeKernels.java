package sdae.kernels.presets;

import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;
import org.bytedeco.javacpp.tools.Info;
import org.bytedeco.javacpp.tools.InfoMap;
import org.bytedeco.javacpp.tools.InfoMapper;

/**
 * JavaCPP's description of {@code sdae_kernels.h}: what to parse, what to link, and that every buffer crosses JNI as a
 * {@code long} address.
 */
@Properties(
        value = @Platform(value = "linux-x86_64", include = "sdae_kernels.h", link = "sdae_kernels"),
        target = "sdae.kernels.Native")
public class SdaeKernels implements InfoMapper {
    @Override
    public void map(InfoMap map) {
        map.put(new Info(
                        "sk_f32",
                        "sk_cf32",
                        "sk_i32",
                        "sk_ci32",
                        "sk_bf16",
                        "sk_cbf16",
                        "sk_any",
                        "sk_cany",
                        "sk_ptr",
                        "sk_cptr")
                .cast()
                .valueTypes("long"));
    }
}
