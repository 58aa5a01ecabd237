// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import java.util.List;
import java.util.function.Supplier;

/**
 * A strategy's package: what it is, and how one is made.
 *
 * @param name The strategy's own name, such as "queue".
 * @param version The version of the package, by semver.
 * @param create Makes one strategy.
 * @param settings JSON Schema of the settings as one JSON text; "" if there are none. The host checks them before the
 *     strategy sees them.
 * @param reasons The dictionary of the reasons in proposals and notes.
 * @param deterministic Whether the same turns always give the same replies.
 * @param candidates How many candidates an item comes with at most, 1 to 64; 0 means 16.
 */
public record Plugin(
        String name,
        String version,
        Supplier<Strategy> create,
        String settings,
        List<Reason> reasons,
        boolean deterministic,
        int candidates) {
    /** A deterministic strategy without settings and reasons. */
    public Plugin(String name, String version, Supplier<Strategy> create) {
        this(name, version, create, "", List.of(), true, 0);
    }

    /** Returns the plugin with a JSON Schema of its settings. */
    public Plugin withSettings(String schema) {
        return new Plugin(name, version, create, schema, reasons, deterministic, candidates);
    }

    /** Returns the plugin with a dictionary of its reasons. */
    public Plugin withReasons(Reason... reasons) {
        return new Plugin(name, version, create, settings, List.of(reasons), deterministic, candidates);
    }

    /** Returns the plugin with another number of candidates per item. */
    public Plugin withCandidates(int candidates) {
        return new Plugin(name, version, create, settings, reasons, deterministic, candidates);
    }

    /** Returns the plugin as one that uses a clock or randomness other than the turn's. */
    public Plugin notDeterministic() {
        return new Plugin(name, version, create, settings, reasons, false, candidates);
    }
}
