// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// The program: it serves the plugin to the host that started it.

import { serve } from "../../../sdk/guest/typescript/src";
import { plugin } from "./strategy";

serve(plugin);
