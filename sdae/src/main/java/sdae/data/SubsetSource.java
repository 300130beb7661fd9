package sdae.data;

import java.util.Arrays;
import java.util.List;

/** Some images of another source, in a given order. */
final class SubsetSource implements ImageSource {
    private final ImageSource parent;
    private final int[] indices;

    SubsetSource(ImageSource parent, int[] indices) {
        for (int i : indices) {
            if (i < 0 || i >= parent.size()) {
                throw new IllegalArgumentException(
                        "subset: indices must be in 0.." + (parent.size() - 1) + ", but one is " + i);
            }
        }
        if (indices.length == 0) {
            throw new IllegalArgumentException("subset: at least one index is needed, but there is none");
        }
        this.parent = parent;
        this.indices = indices;
    }

    @Override
    public int size() {
        return indices.length;
    }

    @Override
    public String name(int i) {
        return parent.name(indices[i]);
    }

    @Override
    public int label(int i) {
        return parent.label(indices[i]);
    }

    @Override
    public List<String> classes() {
        return parent.classes();
    }

    @Override
    public RawImage read(int i) {
        return parent.read(indices[i]);
    }

    @Override
    public RawImage read(int i, NativeBuffer memory) {
        return parent.read(indices[i], memory);
    }

    @Override
    public boolean inMemory() {
        return parent.inMemory();
    }

    @Override
    public String fingerprint() {
        Fingerprint print = new Fingerprint();
        print.add(parent.fingerprint(), 0);
        Arrays.stream(indices).forEach(i -> print.add("", i));
        return print.of(indices.length);
    }
}
