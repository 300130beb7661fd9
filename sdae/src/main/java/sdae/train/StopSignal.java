package sdae.train;

import java.lang.reflect.Proxy;
import java.util.List;
import java.util.function.Supplier;

/**
 * SIGTERM, SIGINT, SIGHUP and SIGUSR1 ask a run to finish its step or break off its evaluation, save and end; a second one
 * ends the process at once.
 */
public final class StopSignal implements Supplier<String> {
    private static final int STOPPED = 75;

    private volatile String name;

    /** Installs the handlers; signals that this JVM keeps for itself are left alone. */
    public StopSignal() {
        for (String signal : List.of("TERM", "INT", "HUP", "USR1")) {
            try {
                // By reflection: the compiler warns of every use of sun.misc, and the JDK offers nothing else.
                Class<?> type = Class.forName("sun.misc.Signal");
                Class<?> handler = Class.forName("sun.misc.SignalHandler");
                Object proxy = Proxy.newProxyInstance(
                        StopSignal.class.getClassLoader(), new Class<?>[] {handler}, (self, method, arguments) -> {
                            if (method.getName().equals("handle")) {
                                received(signal);
                            }
                            return null;
                        });
                type.getMethod("handle", type, handler)
                        .invoke(null, type.getConstructor(String.class).newInstance(signal), proxy);
            } catch (ReflectiveOperationException e) {
                System.getLogger("sdae.train").log(System.Logger.Level.DEBUG, "no handler for SIG" + signal, e);
            }
        }
    }

    private void received(String signal) {
        if (name != null) {
            Runtime.getRuntime().halt(STOPPED);
        }
        name = "SIG" + signal;
    }

    /** The signal that has come, or null. */
    @Override
    public String get() {
        return name;
    }
}
