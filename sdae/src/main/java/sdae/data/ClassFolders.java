package sdae.data;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;

/**
 * Classes from folders. Leading folders that hold everything (such as {@code train/}) do not count; below them, if every image
 * lies in a folder and there are at least two, the first folder is the class. Else there are no classes.
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record ClassFolders(List<String> classes, int[] labels) {

    /** Names of images, and of folders that hold none (each with a final '/'): an empty class keeps its number. */
    static ClassFolders of(List<String> names, Collection<String> emptyFolders) {
        List<String> all = new ArrayList<>(names);
        all.addAll(emptyFolders);
        int start = commonFolders(all);
        TreeSet<String> classes = new TreeSet<>(Names.BYTE_ORDER);
        for (String name : all) {
            int slash = name.indexOf('/', start);
            if (slash < 0) {
                return new ClassFolders(List.of(), null);
            }
            classes.add(name.substring(start, slash));
        }
        if (classes.size() < 2) {
            return new ClassFolders(List.of(), null);
        }
        List<String> sorted = List.copyOf(classes);
        int[] labels = new int[names.size()];
        for (int i = 0; i < labels.length; i++) {
            String name = names.get(i);
            labels[i] =
                    Collections.binarySearch(sorted, name.substring(start, name.indexOf('/', start)), Names.BYTE_ORDER);
        }
        return new ClassFolders(sorted, labels);
    }

    /** Length of the longest prefix of whole folders that all names share. */
    private static int commonFolders(List<String> names) {
        String first = names.get(0);
        int common = first.lastIndexOf('/') + 1;
        for (String name : names) {
            while (!name.startsWith(first.substring(0, common))) {
                common = first.lastIndexOf('/', common - 2) + 1;
            }
        }
        return common;
    }
}
