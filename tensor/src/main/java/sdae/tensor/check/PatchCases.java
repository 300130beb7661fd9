package sdae.tensor.check;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import sdae.tensor.DType;

/** Patch masking, gathering of patches, tokens with class token and positions. */
final class PatchCases {
    private PatchCases() {}

    static List<KernelCase> small(DType dtype) {
        List<KernelCase> cases = new ArrayList<>();
        if (dtype == DType.F32) {
            for (int[] s :
                    new int[][] {{1, 2, 1, 1}, {3, 16, 4, 12}, {2, 33, 8, 20}, {2, 196, 49, 147}, {1, 256, 64, 192}}) {
                cases.add(mask(s[0], s[1], s[2], s[3], false));
                cases.add(mask(s[0], s[1], s[2], s[3], true));
            }
        }
        for (int[] s : new int[][] {
            {1, 1, 4, 4, 2, 3}, {2, 3, 8, 12, 4, 5}, {1, 3, 28, 28, 7, 4}, {2, 1, 15, 10, 5, 2}, {1, 3, 32, 64, 16, 3}
        }) {
            Image image = new Image(s[0], s[1], s[2], s[3], s[4]);
            cases.add(gather(dtype, image, s[5]));
            cases.add(gather(dtype, image, 0));
        }
        for (int[] s : new int[][] {{1, 1, 1, 2}, {3, 5, 31, 9}, {4, 12, 33, 12}, {2, 7, 96, 16}, {70, 3, 64, 4}}) {
            for (boolean chosen : new boolean[] {true, false}) {
                cases.add(embedForward(dtype, s[0], s[1], s[2], s[3], chosen));
                cases.add(embedBackward(dtype, s[0], s[1], s[2], s[3], chosen, true));
                cases.add(embedBackward(dtype, s[0], s[1], s[2], s[3], chosen, false));
            }
        }
        return cases;
    }

    static List<KernelCase> method(DType dtype, int images) {
        Image image = new Image(images, VitBase.CHANNELS, VitBase.SIDE, VitBase.SIDE, VitBase.PATCH);
        int n = VitBase.VISIBLE;
        int l = VitBase.PATCHES;
        List<KernelCase> cases = new ArrayList<>();
        if (dtype == DType.F32) {
            cases.add(mask(images, l, n, VitBase.MASKED, false));
        }
        cases.add(gather(dtype, image, n));
        cases.add(gather(dtype, image, VitBase.MASKED));
        cases.add(embedForward(dtype, images, n, VitBase.WIDTH, l, true));
        cases.add(embedForward(dtype, images * VitBase.FOLDS, n, VitBase.WIDTH, l, true));
        cases.add(embedBackward(dtype, images, n, VitBase.WIDTH, l, true, false));
        return cases;
    }

    /** {@code ties}: few different noise values, so that the order of equal ones counts. */
    static KernelCase mask(int batch, int patches, int visible, int used, boolean ties) {
        Fill noise = !ties
                ? Fill.UNIFORM
                : (out, random, before) -> {
                    for (int i = 0; i < out.length; i++) {
                        out[i] = random.below(4) / 4.0;
                    }
                };
        String text = "B" + batch + " L" + patches + " V" + visible + " M" + used + (ties ? " ties" : "");
        return KernelCase.of("patchMask", text, DType.F32)
                .floats("noise", noise, batch, patches)
                .outIds("idsKeep", batch, visible)
                .outIds("idsMasked", batch, used)
                .outIds("idsRestore", batch, patches)
                .run((backend, t) ->
                        backend.patchMask(t.get("idsKeep"), t.get("idsMasked"), t.get("idsRestore"), t.get("noise")))
                .reference((in, out) -> {
                    for (int b = 0; b < batch; b++) {
                        int row = b * patches;
                        int[] order = IntStream.range(0, patches)
                                .boxed()
                                .sorted((i, j) -> {
                                    int byNoise = Double.compare(in.of("noise")[row + i], in.of("noise")[row + j]);
                                    return byNoise != 0 ? byNoise : i - j;
                                })
                                .mapToInt(Integer::intValue)
                                .toArray();
                        for (int rank = 0; rank < patches; rank++) {
                            out.of("idsRestore")[row + order[rank]] = rank;
                            if (rank < visible) {
                                out.of("idsKeep")[b * visible + rank] = order[rank];
                            } else if (rank < visible + used) {
                                out.of("idsMasked")[b * used + rank - visible] = order[rank];
                            }
                        }
                    }
                });
    }

    /** Images [B, C, height, width] in patches. */
    record Image(int batch, int channels, int height, int width, int patch) {
        int patches() {
            return height / patch * (width / patch);
        }

        int values() {
            return channels * patch * patch;
        }

        String text() {
            return "B" + batch + " C" + channels + " " + height + "x" + width + " p" + patch;
        }

        /** Where pixel (channel, row, column) of patch id of image b is. */
        int at(int b, int id, int channel, int row, int column) {
            int grid = width / patch;
            return ((b * channels + channel) * height + id / grid * patch + row) * width + id % grid * patch + column;
        }
    }

    /** {@code chosen} 0: all patches, no ids. */
    static KernelCase gather(DType dtype, Image image, int chosen) {
        int n = chosen == 0 ? image.patches() : chosen;
        KernelCase made = KernelCase.of("patchGather", image.text() + " n" + n + (chosen == 0 ? " all" : ""), dtype)
                .floats("images", Fill.NORMAL, image.batch, image.channels, image.height, image.width)
                .traffic("images", 4L * image.batch * n * image.values());
        if (chosen > 0) {
            made.ids("ids", Fill.distinctIds(n, image.patches()), image.batch, n);
        }
        made.out("patches", image.batch, n, image.values());
        if (dtype == DType.F32) {
            made.exact();
        }
        return made.run((backend, t) ->
                        backend.patchGather(t.get("patches"), t.get("images"), t.get("ids"), image.patch))
                .reference((in, out) -> {
                    int at = 0;
                    for (int row = 0; row < image.batch * n; row++) {
                        int id = chosen > 0 ? (int) in.of("ids")[row] : row % n;
                        for (int c = 0; c < image.channels; c++) {
                            for (int y = 0; y < image.patch; y++) {
                                for (int x = 0; x < image.patch; x++) {
                                    out.of("patches")[at++] = in.of("images")[image.at(row / n, id, c, y, x)];
                                }
                            }
                        }
                    }
                });
    }

    private static String text(int sequences, int n, int cols, boolean chosen) {
        return "S" + sequences + " n" + n + " D" + cols + (chosen ? "" : " in order");
    }

    static KernelCase embedForward(DType dtype, int sequences, int n, int cols, int patches, boolean chosen) {
        KernelCase made = KernelCase.of("embedTokensForward", text(sequences, n, cols, chosen), dtype)
                .in("projected", sequences, n, cols)
                .floats("cls", Fill.NORMAL, cols)
                .floats("pos", Fill.NORMAL, 1 + patches, cols)
                .traffic("pos", 4L * cols * (1 + Math.min(patches, sequences * n)));
        if (chosen) {
            made.ids("ids", Fill.distinctIds(n, patches), sequences, n);
        }
        return made.out("tokens", sequences, 1 + n, cols)
                .run((backend, t) -> backend.embedTokensForward(
                        t.get("tokens"), t.get("projected"), t.get("cls"), t.get("pos"), t.get("ids")))
                .reference((in, out) -> {
                    double[] pos = in.of("pos");
                    for (int s = 0; s < sequences; s++) {
                        for (int c = 0; c < cols; c++) {
                            out.of("tokens")[s * (1 + n) * cols + c] = in.of("cls")[c] + pos[c];
                        }
                        for (int i = 0; i < n; i++) {
                            int id = chosen ? (int) in.of("ids")[s * n + i] : i;
                            for (int c = 0; c < cols; c++) {
                                out.of("tokens")[(s * (1 + n) + 1 + i) * cols + c] =
                                        in.of("projected")[(s * n + i) * cols + c] + pos[(1 + id) * cols + c];
                            }
                        }
                    }
                })
                .flops(1.0 * sequences * (1 + n) * cols);
    }

    static KernelCase embedBackward(
            DType dtype, int sequences, int n, int cols, int patches, boolean chosen, boolean learned) {
        String text = text(sequences, n, cols, chosen) + (learned ? " learned" : "");
        KernelCase made = KernelCase.of("embedTokensBackward", text, dtype)
                .terms(sequences)
                .in("dtokens", sequences, 1 + n, cols);
        if (chosen) {
            made.ids("ids", Fill.distinctIds(n, patches), sequences, n);
        }
        made.out("dprojected", sequences, n, cols).adds("dcls", cols);
        if (learned) {
            made.adds("dpos", 1 + patches, cols);
        } else {
            made.traffic("ids", 0);
        }
        return made.run((backend, t) -> backend.embedTokensBackward(
                        t.get("dprojected"), t.get("dcls"), t.get("dpos"), t.get("dtokens"), t.get("ids")))
                .reference((in, out) -> {
                    for (int i = 0; i < sequences * (1 + n) * cols; i++) {
                        double dy = in.of("dtokens")[i];
                        int c = i % cols;
                        int token = i / cols % (1 + n);
                        int s = i / cols / (1 + n);
                        int id = token == 0 ? -1 : chosen ? (int) in.of("ids")[s * n + token - 1] : token - 1;
                        if (token == 0) {
                            out.of("dcls")[c] += dy;
                        } else {
                            out.of("dprojected")[(s * n + token - 1) * cols + c] = dy;
                        }
                        if (learned) {
                            out.of("dpos")[(1 + id) * cols + c] += dy;
                        }
                    }
                })
                .flops(1.0 * sequences * cols);
    }
}
