package strategy;

import cx.patchbay.Candidate;
import cx.patchbay.Item;
import cx.patchbay.Plugin;
import cx.patchbay.Reason;
import cx.patchbay.Score;
import cx.patchbay.Settings;
import cx.patchbay.Turn;

/** Who has been idle longest is asked first; each assignment that is open at an agent counts against it. */
public final class {{Name}} extends Score {
    private static final Reason LONGEST_IDLE = new Reason(1, "longest_idle", "Idle longest.");

    /** The strategy's package. */
    public static final Plugin PLUGIN =
            new Plugin("{{name}}", "0.1.0", {{Name}}::new).withReasons(LONGEST_IDLE).withSettings("""
                    {
                      "type": "object",
                      "additionalProperties": false,
                      "properties": {
                        "busy_seconds": {
                          "description": "how many seconds of idleness one open assignment takes away",
                          "type": "number",
                          "minimum": 0,
                          "maximum": 86400,
                          "default": 60
                        }
                      }
                    }""");

    private double busySeconds;

    @Override
    public void configure(Settings settings) {
        busySeconds = settings.number("busy_seconds", 60);
    }

    /** Higher is better; null keeps the work from the agent. */
    @Override
    public Scored score(Turn turn, Item item, Candidate candidate) {
        double seconds = candidate.idle(turn.now()) / 1000.0 - busySeconds * candidate.row().open();
        return new Scored(seconds, LONGEST_IDLE);
    }
}
