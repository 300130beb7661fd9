package sdae.bench;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A process of {@link Turns}, seen from outside. */
final class TurnsProcess implements AutoCloseable {
    private static final int EXIT_SECONDS = 10;

    private final Process process;
    private final BufferedReader answers;
    private final BufferedWriter requests;

    TurnsProcess(Peer peer, String device, int threads) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(peer.javaFlags());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Turns.class.getName()));
        command.addAll(List.of(peer.getClass().getName(), device, Integer.toString(threads)));
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().putAll(peer.environment(threads));
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new UncheckedIOException("bench: no process for " + peer.name() + ": " + e.getMessage(), e);
        }
        answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        requests = new BufferedWriter(new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8));
    }

    /** Asks for the case, trusted; {@link #opened} waits for the answer. */
    void open(Case wanted) {
        request("open " + words(wanted));
    }

    /** Asks for the case, to be checked against {@link Expected}'s file, null for one without. */
    void check(Case wanted, Path expected) {
        request("check " + words(wanted) + " " + expected);
    }

    /** {@code ready}, {@code none} or {@code fault ...}. */
    String opened() {
        return answer();
    }

    /** A process that computes no more; says why. */
    static final class Fault extends RuntimeException {
        private static final long serialVersionUID = 1;

        Fault(String answer) {
            super(answer);
        }
    }

    /** What {@link Work#time} says of {@code count} runs. @throws Fault if it fails or the process has ended */
    double[] run(Case opened, int count) {
        String answer = ask("run " + words(opened) + " " + count);
        if (!answer.startsWith("seconds ")) {
            throw new Fault(answer);
        }
        return Arrays.stream(answer.substring("seconds ".length()).split(" ", -1))
                .mapToDouble(Double::parseDouble)
                .toArray();
    }

    /** What its runs took beside time. */
    record Used(long peakBytes, double busy) {
        static final Used UNKNOWN = new Used(0, 0);
    }

    /** So far. */
    Used used() {
        String[] words = ask("used").split(" ", -1);
        return words[0].equals("used")
                ? new Used(Long.parseLong(words[1]), Double.parseDouble(words[2]))
                : Used.UNKNOWN;
    }

    void closeCases() {
        ask("close");
    }

    boolean alive() {
        return process.isAlive();
    }

    private static String words(Case c) {
        return c.kernel().name() + " " + c.shape().name() + " " + c.dtype().name();
    }

    private String ask(String request) {
        request(request);
        return answer();
    }

    private void request(String request) {
        try {
            requests.write(request + "\n");
            requests.flush();
        } catch (IOException e) {
            process.destroy(); // has ended, as the answer will say
        }
    }

    /** A process that dies answers {@code fault}. */
    private String answer() {
        try {
            for (String line = answers.readLine(); line != null; line = answers.readLine()) {
                if (line.startsWith(Turns.MARK)) {
                    return line.substring(Turns.MARK.length());
                }
            }
            return "fault the process ended with " + process.waitFor();
        } catch (IOException e) {
            return "fault the process ended: " + e.getMessage();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "fault interrupted";
        }
    }

    @Override
    public void close() {
        try {
            requests.close(); // it ends with its input
        } catch (IOException e) {
            process.destroy(); // it has ended already
        }
        try {
            if (!process.waitFor(EXIT_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            process.destroyForcibly();
        }
    }
}
