package sdae.tensor.cuda;

import static org.bytedeco.cuda.global.cudart.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
import static org.bytedeco.cuda.global.cudart.cuGraphDestroy;
import static org.bytedeco.cuda.global.cudart.cuGraphExecDestroy;
import static org.bytedeco.cuda.global.cudart.cuGraphInstantiate;
import static org.bytedeco.cuda.global.cudart.cuGraphLaunch;
import static org.bytedeco.cuda.global.cudart.cuStreamBeginCapture;
import static org.bytedeco.cuda.global.cudart.cuStreamEndCapture;

import org.bytedeco.cuda.cudart.CUgraphExec_st;
import org.bytedeco.cuda.cudart.CUgraph_st;
import sdae.tensor.Graph;

/** What the stream was asked for during a body, as one CUDA graph. */
final class CapturedGraph implements Graph {
    private final Driver driver;
    private final CUgraphExec_st executable = new CUgraphExec_st();

    CapturedGraph(Driver driver, Runnable body) {
        this.driver = driver;
        driver.enter();
        driver.notCapturing("a second capture");
        driver.check(
                cuStreamBeginCapture(driver.stream(), CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "cuStreamBeginCapture");
        CUgraph_st graph = new CUgraph_st();
        driver.capturing(true);
        try {
            body.run();
        } catch (RuntimeException e) {
            driver.capturing(false);
            cuStreamEndCapture(driver.stream(), graph);
            throw e;
        }
        driver.capturing(false);
        driver.check(cuStreamEndCapture(driver.stream(), graph), "cuStreamEndCapture");
        driver.check(cuGraphInstantiate(executable, graph, 0), "cuGraphInstantiate");
        driver.check(cuGraphDestroy(graph), "cuGraphDestroy");
    }

    @Override
    public void launch() {
        driver.enter();
        driver.check(cuGraphLaunch(executable, driver.stream()), "cuGraphLaunch");
    }

    @Override
    public void close() {
        if (!driver.broken() && !executable.isNull()) {
            driver.synchronize();
            driver.check(cuGraphExecDestroy(executable), "cuGraphExecDestroy");
            executable.setNull();
        }
    }
}
