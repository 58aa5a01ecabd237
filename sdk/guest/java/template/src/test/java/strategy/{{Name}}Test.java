package strategy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import cx.patchbay.Scene;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class {{Name}}Test {
    @Test
    void longestIdleFirst() {
        Scene scene = new Scene({{Name}}.PLUGIN);
        scene.agent("ada").idle(10);
        scene.agent("ben").idle(50);
        scene.work("w1", "ada", "ben");
        assertEquals(Map.of("w1", List.of("ben", "ada")), scene.play().offers());
    }

    @Test
    void openWorkCounts() {
        Map.of(60, List.of("ada", "ben"), 0, List.of("ben", "ada")).forEach((seconds, order) -> {
            Scene scene = new Scene({{Name}}.PLUGIN, "{\"busy_seconds\": " + seconds + "}");
            scene.agent("ada").open(1).capacity(3);
            scene.agent("ben").open(2).capacity(3);
            scene.work("w1", "ben", "ada");
            assertEquals(Map.of("w1", order), scene.play().offers());
        });
    }
}
