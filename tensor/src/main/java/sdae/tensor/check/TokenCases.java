package sdae.tensor.check;

import java.util.ArrayList;
import java.util.List;
import sdae.tensor.DType;

/** Moving tokens: the decoder's unshuffle, picking masked tokens, pooling, the class token. */
final class TokenCases {
    private TokenCases() {}

    static List<KernelCase> small(DType dtype) {
        List<KernelCase> cases = new ArrayList<>();
        for (int[] s : new int[][] {{1, 2, 1, 3}, {2, 16, 4, 31}, {3, 9, 5, 33}, {2, 49, 12, 64}, {5, 12, 3, 8}}) {
            cases.add(unshuffleForward(dtype, s[0], s[1], s[2], s[3]));
            cases.add(unshuffleBackward(dtype, s[0], s[1], s[2], s[3]));
            cases.add(gatherForward(dtype, s[0], s[1], s[2], s[3]));
            cases.add(gatherBackward(dtype, s[0], s[1], 1, s[2], s[3]));
        }
        for (int[] s : new int[][] {{1, 2, 1}, {3, 5, 31}, {2, 50, 33}, {4, 17, 96}}) {
            cases.add(poolForward(dtype, s[0], s[1], s[2]));
            cases.add(poolBackward(dtype, s[0], s[1], s[2]));
            cases.add(classForward(dtype, s[0], s[1], s[2]));
            cases.add(classBackward(dtype, s[0], s[1], s[2]));
        }
        return cases;
    }

    static List<KernelCase> method(DType dtype, int images) {
        int l = VitBase.PATCHES;
        return List.of(
                unshuffleForward(dtype, images, l, VitBase.VISIBLE, VitBase.DECODER_WIDTH),
                unshuffleBackward(dtype, images, l, VitBase.VISIBLE, VitBase.DECODER_WIDTH),
                gatherForward(dtype, images, l, VitBase.MASKED, VitBase.DECODER_WIDTH),
                gatherBackward(dtype, images, l, VitBase.VISIBLE, VitBase.MASKED, VitBase.DECODER_WIDTH));
    }

    static KernelCase unshuffleForward(DType dtype, int batch, int patches, int visible, int cols) {
        return KernelCase.of("unshuffleForward", "B" + batch + " L" + patches + " V" + visible + " D" + cols, dtype)
                .in("x", batch, 1 + visible, cols)
                .floats("maskToken", Fill.NORMAL, cols)
                .floats("pos", Fill.NORMAL, 1 + patches, cols)
                .ids("idsRestore", Fill.permutations(patches), batch, patches)
                .out("y", batch, 1 + patches, cols)
                .run((backend, t) -> backend.unshuffleForward(
                        t.get("y"), t.get("x"), t.get("maskToken"), t.get("pos"), t.get("idsRestore")))
                .reference((in, out) -> {
                    for (int i = 0; i < batch * (1 + patches) * cols; i++) {
                        int c = i % cols;
                        int token = i / cols % (1 + patches);
                        int b = i / cols / (1 + patches);
                        int from = token == 0 ? 0 : 1 + (int) in.of("idsRestore")[b * patches + token - 1];
                        double x = from <= visible
                                ? in.of("x")[(b * (1 + visible) + from) * cols + c]
                                : in.of("maskToken")[c];
                        out.of("y")[i] = x + in.of("pos")[token * cols + c];
                    }
                })
                .flops(1.0 * batch * (1 + patches) * cols);
    }

    static KernelCase unshuffleBackward(DType dtype, int batch, int patches, int visible, int cols) {
        return KernelCase.of("unshuffleBackward", "B" + batch + " L" + patches + " V" + visible + " D" + cols, dtype)
                .terms((long) batch * patches)
                .in("dy", batch, 1 + patches, cols)
                .ids("idsRestore", Fill.permutations(patches), batch, patches)
                .out("dx", batch, 1 + visible, cols)
                .adds("dmaskToken", cols)
                .run((backend, t) ->
                        backend.unshuffleBackward(t.get("dx"), t.get("dmaskToken"), t.get("dy"), t.get("idsRestore")))
                .reference((in, out) -> {
                    for (int i = 0; i < batch * (1 + patches) * cols; i++) {
                        int c = i % cols;
                        int token = i / cols % (1 + patches);
                        int b = i / cols / (1 + patches);
                        int to = token == 0 ? 0 : 1 + (int) in.of("idsRestore")[b * patches + token - 1];
                        if (to <= visible) {
                            out.of("dx")[(b * (1 + visible) + to) * cols + c] = in.of("dy")[i];
                        } else {
                            out.of("dmaskToken")[c] += in.of("dy")[i];
                        }
                    }
                })
                .flops(1.0 * batch * (patches - visible) * cols);
    }

    static KernelCase gatherForward(DType dtype, int batch, int patches, int count, int cols) {
        return KernelCase.of("gatherTokensForward", "B" + batch + " L" + patches + " M" + count + " D" + cols, dtype)
                .in("x", batch, 1 + patches, cols)
                .traffic("x", (long) batch * count * cols * dtype.bytes())
                .ids("ids", Fill.distinctIds(count, patches), batch, count)
                .out("y", batch, count, cols)
                .exact()
                .run((backend, t) -> backend.gatherTokensForward(t.get("y"), t.get("x"), t.get("ids")))
                .reference((in, out) -> {
                    for (int i = 0; i < batch * count * cols; i++) {
                        int row = i / cols;
                        int token = 1 + (int) in.of("ids")[row];
                        out.of("y")[i] = in.of("x")[(row / count * (1 + patches) + token) * cols + i % cols];
                    }
                });
    }

    static KernelCase gatherBackward(DType dtype, int batch, int patches, int first, int count, int cols) {
        String text = "B" + batch + " L" + patches + " first" + first + " M" + count + " D" + cols;
        return KernelCase.of("gatherTokensBackward", text, dtype)
                .in("dy", batch, count, cols)
                .ids("idsRestore", Fill.permutations(patches), batch, patches)
                .out("dx", batch, 1 + patches, cols)
                .exact()
                .run((backend, t) -> backend.gatherTokensBackward(t.get("dx"), t.get("dy"), t.get("idsRestore"), first))
                .reference((in, out) -> {
                    for (int b = 0; b < batch; b++) {
                        for (int j = 0; j < patches; j++) {
                            int rank = (int) in.of("idsRestore")[b * patches + j] - first;
                            for (int c = 0; rank >= 0 && rank < count && c < cols; c++) {
                                out.of("dx")[(b * (1 + patches) + 1 + j) * cols + c] =
                                        in.of("dy")[(b * count + rank) * cols + c];
                            }
                        }
                    }
                });
    }

    private static String text(int batch, int tokens, int cols) {
        return "B" + batch + " N" + tokens + " D" + cols;
    }

    private static KernelCase poolForward(DType dtype, int batch, int tokens, int cols) {
        return KernelCase.of("meanPoolForward", text(batch, tokens, cols), dtype)
                .terms(tokens)
                .in("x", batch, tokens, cols)
                .traffic("x", (long) batch * (tokens - 1) * cols * dtype.bytes())
                .out("y", batch, cols)
                .run((backend, t) -> backend.meanPoolForward(t.get("y"), t.get("x")))
                .reference((in, out) -> {
                    for (int b = 0; b < batch; b++) {
                        for (int i = cols; i < tokens * cols; i++) {
                            out.of("y")[b * cols + i % cols] += in.of("x")[b * tokens * cols + i] / (tokens - 1);
                        }
                    }
                })
                .flops(1.0 * batch * tokens * cols);
    }

    private static KernelCase poolBackward(DType dtype, int batch, int tokens, int cols) {
        return KernelCase.of("meanPoolBackward", text(batch, tokens, cols), dtype)
                .in("dy", batch, cols)
                .out("dx", batch, tokens, cols)
                .run((backend, t) -> backend.meanPoolBackward(t.get("dx"), t.get("dy")))
                .reference((in, out) -> {
                    for (int b = 0; b < batch; b++) {
                        for (int i = cols; i < tokens * cols; i++) {
                            out.of("dx")[b * tokens * cols + i] = in.of("dy")[b * cols + i % cols] / (tokens - 1);
                        }
                    }
                });
    }

    private static KernelCase classForward(DType dtype, int batch, int tokens, int cols) {
        return KernelCase.of("classTokenForward", text(batch, tokens, cols), dtype)
                .in("x", batch, tokens, cols)
                .traffic("x", (long) batch * cols * dtype.bytes())
                .out("y", batch, cols)
                .exact()
                .run((backend, t) -> backend.classTokenForward(t.get("y"), t.get("x")))
                .reference((in, out) -> {
                    for (int i = 0; i < batch * cols; i++) {
                        out.of("y")[i] = in.of("x")[i / cols * tokens * cols + i % cols];
                    }
                });
    }

    private static KernelCase classBackward(DType dtype, int batch, int tokens, int cols) {
        return KernelCase.of("classTokenBackward", text(batch, tokens, cols), dtype)
                .in("dy", batch, cols)
                .out("dx", batch, tokens, cols)
                .exact()
                .run((backend, t) -> backend.classTokenBackward(t.get("dx"), t.get("dy")))
                .reference((in, out) -> {
                    for (int i = 0; i < batch * cols; i++) {
                        out.of("dx")[i / cols * tokens * cols + i % cols] = in.of("dy")[i];
                    }
                });
    }
}
