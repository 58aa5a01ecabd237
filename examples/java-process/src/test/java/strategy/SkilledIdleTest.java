// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import cx.patchbay.Scene;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SkilledIdleTest {
    @Test
    void skillAndRestCountAlike() {
        Scene scene = new Scene(SkilledIdle.PLUGIN);
        scene.agent("ada").skill("tax", 9).idle(60);
        scene.agent("ben").skill("tax", 2).idle(600);
        scene.agent("cleo").skill("golf", 10).idle(300);
        scene.work("w1", "cleo", "ada", "ben").need("tax", 1);
        Scene.Answer answer = scene.play();
        assertEquals(Map.of("w1", List.of("ben", "ada", "cleo")), answer.offers());
        assertEquals(Map.of("w1", "skilled_and_idle"), answer.reasons());
    }

    @Test
    void share() {
        Map.of(100, "ada", 0, "ben").forEach((share, first) -> {
            Scene scene = new Scene(SkilledIdle.PLUGIN, "{\"skill_share\": " + share + "}");
            scene.agent("ada").skill("tax", 9);
            scene.agent("ben").idle(60);
            scene.work("w1", "ada", "ben").need("tax", 0);
            assertEquals(first, scene.play().offers().get("w1").get(0));
        });
    }

    @Test
    void rest() {
        Scene scene = new Scene(SkilledIdle.PLUGIN, "{\"rest_seconds\": 30}");
        scene.agent("ada").idle(10);
        scene.agent("ben").idle(25);
        scene.work("w1", "ada", "ben");
        Scene.Answer answer = scene.play();
        assertEquals(Map.of("w1", List.of()), answer.offers());
        assertEquals(Map.of("w1", "resting"), answer.reasons());
        assertEquals(Scene.NOW + 5000, answer.wakeAt());
    }
}
