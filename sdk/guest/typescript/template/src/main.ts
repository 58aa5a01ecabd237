// The program: it serves the plugin to the host that started it.

import { serve } from "../patchbay/src";
import { plugin } from "./strategy";

serve(plugin);
