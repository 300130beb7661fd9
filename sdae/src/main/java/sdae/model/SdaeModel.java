package sdae.model;

import java.util.ArrayList;
import java.util.List;
import sdae.nn.Init;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.ParameterBuffer.Segment;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.GatherTokensOp;
import sdae.tensor.op.PatchMask;

/**
 * Student, decoder and teacher with their memory. MAE is the same student with a pixel head and no teacher.
 *
 * <p>The student's values lie as [encoder fixed, decay, no-decay | decoder decay, no-decay, fixed], the teacher's as the
 * first three of these: the EMA update is one pass over that prefix.
 */
public final class SdaeModel implements AutoCloseable {
    private final ModelSpec spec;
    private final Objective objective;
    private final Encoder encoder;
    private final Decoder decoder;
    private final ParameterBuffer student;
    private final Encoder teacherEncoder;
    private final ParameterBuffer teacher;

    /** What a forward pass leaves: loss [1], predictions [S, n, outputs], and the teacher's tokens (null for MAE). */
    public record Forward(Tensor loss, Tensor pred, Tensor teacherTokens) {}

    /** {@code skipTokens} takes class and mask token out of weight decay. */
    public SdaeModel(Backend backend, ModelSpec spec, Objective objective, boolean skipTokens) {
        this(backend, spec, objective, skipTokens, DType.F32);
    }

    /** {@code dtype}: of activations and of the weight matrices that kernels read; the weights themselves are F32. */
    public SdaeModel(Backend backend, ModelSpec spec, Objective objective, boolean skipTokens, DType dtype) {
        this.spec = spec;
        this.objective = objective;
        boolean distilled = objective instanceof Objective.Sdae;
        encoder = new Encoder(spec);
        decoder = new Decoder(spec, distilled ? spec.width() : spec.patchValues());
        student = new ParameterBuffer(backend, true, studentSegments(encoder, decoder, skipTokens), dtype);
        teacherEncoder = distilled ? new Encoder(spec) : null;
        teacher = distilled
                ? new ParameterBuffer(backend, false, encoderSegments(teacherEncoder, skipTokens), dtype)
                : null;
    }

    static List<Segment> studentSegments(Encoder encoder, Decoder decoder, boolean skipTokens) {
        List<Segment> segments = new ArrayList<>(encoderSegments(encoder, skipTokens));
        List<Segment> ofDecoder =
                Weights.segments("decoder", List.of(decoder.posEmbed()), decoder.weights(), skipTokens);
        segments.addAll(List.of(ofDecoder.get(1), ofDecoder.get(2), ofDecoder.get(0)));
        return segments;
    }

    static List<Segment> encoderSegments(Encoder encoder, boolean skipTokens) {
        return Weights.segments("encoder", List.of(encoder.posEmbed()), encoder.weights(), skipTokens);
    }

    /** Initial values: the student's as MAE's, the teacher's as timm's, of an unrelated network (official). */
    public void init(long seed, boolean zeroPatchBias) {
        Init init = new Init(seed);
        encoder.initStudent(init, zeroPatchBias);
        decoder.init(init);
        if (teacher != null) {
            // Another seed: the same names must not give the student's numbers.
            teacherEncoder.initTimm(new Init(seed + 1));
        }
        round();
    }

    /** The teacher becomes the student's encoder as it is now; nothing without a teacher. */
    public void copyTeacher() {
        if (teacher != null) {
            teacher.values().set(studentPrefix());
            teacher.round();
        }
    }

    /** Brings BF16 copies up to date after weights were set from outside. */
    public void round() {
        student.round();
        if (teacher != null) {
            teacher.round();
        }
    }

    /** The teacher's positions become the student's fixed table. */
    public void shareTeacherPositions() {
        if (teacher != null) {
            teacherEncoder.posEmbed().value().set(encoder.posEmbed().value());
        }
    }

    /**
     * One forward pass over images [B, C, height, width]; recorded on the images' tape. The mask's {@code used} patches must
     * be a multiple of the folds.
     */
    public Forward forward(Tensor images, PatchMask mask, DropPath dropPath) {
        Tensor teacherTokens = null;
        if (objective instanceof Objective.Sdae sdae) {
            // First, while the step holds nothing else: the teacher's temporaries are gone before the student's come.
            teacherTokens = teacherTokens(images, mask, sdae);
        }
        Tensor latent = encoder.forward(images, mask.idsKeep(), 1, dropPath);
        Tensor pred = decoder.forward(latent, mask);
        if (objective instanceof Objective.Sdae sdae) {
            int sequences = mask.idsMasked().shape().size(0) * sdae.sequences();
            pred = pred.reshape(sequences, pred.count() / sequences / spec.width(), spec.width());
            return new Forward(sdae.loss(pred, teacherTokens), pred, teacherTokens);
        }
        Tensor loss = ((Objective.Mae) objective).loss(pred, images, mask.idsMasked(), spec.patch());
        return new Forward(loss, pred, null);
    }

    /** Tokens [S, 1+n, D] of the teacher's folds, or [B, M, D] picked from the full view. */
    private Tensor teacherTokens(Tensor images, PatchMask mask, Objective.Sdae sdae) {
        Tape tape = images.tape();
        if (sdae.view() == Objective.TeacherView.FULL) {
            return tape.scoped(() -> GatherTokensOp.apply(teacherEncoder.infer(tape, images, null, 1), mask));
        }
        return teacherEncoder.infer(tape, images, mask.idsMasked(), sdae.sequences());
    }

    /** The part of the student's values that the teacher mirrors. */
    public Tensor studentPrefix() {
        return student.values().slice(0, teacher.values().count());
    }

    public ModelSpec spec() {
        return spec;
    }

    public Objective objective() {
        return objective;
    }

    public Encoder encoder() {
        return encoder;
    }

    public Decoder decoder() {
        return decoder;
    }

    public ParameterBuffer student() {
        return student;
    }

    /** The teacher's encoder; null for MAE. */
    public Encoder teacherEncoder() {
        return teacherEncoder;
    }

    /** The teacher's parameters; null for MAE. */
    public ParameterBuffer teacher() {
        return teacher;
    }

    @Override
    public void close() {
        student.close();
        if (teacher != null) {
            teacher.close();
        }
    }
}
