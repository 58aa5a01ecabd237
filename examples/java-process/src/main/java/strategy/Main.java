// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy;

import cx.patchbay.Serve;
import java.io.IOException;
import java.security.GeneralSecurityException;

/** The program: it serves the plugin to the host that started it. */
public final class Main {
    private Main() {}

    /** Serves the plugin. */
    public static void main(String[] args) throws IOException, GeneralSecurityException {
        Serve.run(SkilledIdle.PLUGIN);
    }
}
