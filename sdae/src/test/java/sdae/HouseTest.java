package sdae;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Dependencies point one way: sdae to nn to tensor to kernels, and in a module between packages too. */
class HouseTest {
    private static JavaClasses classes;

    @BeforeAll
    static void readClasses() {
        classes = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .withImportOption(location -> !location.contains("-tests.jar"))
                .importPackages("sdae");
        for (String name : new String[] {
            "sdae.kernels.Native", "sdae.tensor.Tape", "sdae.nn.Block", "sdae.model.SdaeModel", "sdae.io.Json"
        }) {
            assertTrue(classes.contain(name), name + " is not on the class path: the rules would hold of nothing");
        }
    }

    @Test
    void modulesDependDownwardsOnly() {
        layeredArchitecture()
                .consideringOnlyDependenciesInLayers()
                .layer("kernels")
                .definedBy("sdae.kernels..")
                .layer("tensor")
                .definedBy("sdae.tensor..")
                .layer("nn")
                .definedBy("sdae.nn..")
                .layer("sdae")
                .definedBy(
                        "sdae.model..",
                        "sdae.data..",
                        "sdae.io..",
                        "sdae.config..",
                        "sdae.train..",
                        "sdae.eval..",
                        "sdae.report..",
                        "sdae.gpu..",
                        "sdae.weights..",
                        "sdae.look..",
                        "sdae.study..",
                        "sdae.cli..")
                .whereLayer("sdae")
                .mayNotBeAccessedByAnyLayer()
                .whereLayer("nn")
                .mayOnlyBeAccessedByLayers("sdae")
                .whereLayer("tensor")
                .mayOnlyBeAccessedByLayers("nn", "sdae")
                .check(classes);
    }

    /** {@code env} reports on the library, training probes what it is made of, and images are resized by one kernel. */
    @Test
    void onlyTheTensorModuleCallsKernels() {
        noClasses()
                .that()
                .resideOutsideOfPackages("sdae.kernels..", "sdae.tensor..", "sdae.cli..", "sdae.train..", "sdae.data..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("sdae.kernels..")
                .check(classes);
    }

    @Test
    void opsAndTensorsKnowOneBackendByItsInterface() {
        noClasses()
                .that()
                .resideInAnyPackage("sdae.tensor.op..", "sdae.nn..", "sdae.model..", "sdae.data..")
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName("sdae.tensor.CpuBackend")
                .check(classes);
    }

    @Test
    void packagesFormNoCycle() {
        slices().matching("sdae.(*)..").should().beFreeOfCycles().check(classes);
    }

    /** Compiled kernels are kept on disk. */
    @Test
    void layersAndModelsTouchNoFile() {
        noClasses()
                .that()
                .resideInAnyPackage("sdae.tensor..", "sdae.nn..", "sdae.model..")
                .and()
                .doNotHaveFullyQualifiedName("sdae.tensor.cuda.Nvrtc")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("java.nio.file..", "sdae.io..")
                .check(classes);
    }
}
