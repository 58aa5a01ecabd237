// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

/** Refuses settings: says where, as a path such as "weights.age", and what is wrong. */
public final class SettingsException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final String path;

    /** Refuses settings. The path is empty for the whole. */
    public SettingsException(String path, String message) {
        super(message);
        this.path = path;
    }

    /** Returns where in the settings. */
    public String path() {
        return path;
    }
}
