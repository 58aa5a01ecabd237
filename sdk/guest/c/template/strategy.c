// {{name}}: who has been idle longest is asked first; each assignment that is
// open at an agent counts against it.

#include "strategy.h"

enum { LONGEST_IDLE = 1 };

static int64_t busy_seconds = 60;

static const char *configure(pb_json settings) {
	const char *error = NULL;
	double seconds = pb_setting_number(settings, "busy_seconds", 60, &error);
	if (error == NULL)
		busy_seconds = (int64_t)seconds;
	return error;
}

int32_t {{ident}}_score(pb_turn *turn, const pb_work *work, const pb_agent *agent) {
	(void)work;
	int64_t seconds = pb_idle_ms(turn, agent) / 1000 - busy_seconds * agent->open;
	if (seconds > 1000000)
		return 1000000;
	return seconds < -1000000 ? -1000000 : (int32_t)seconds;
}

static const pb_reason reasons[] = {{LONGEST_IDLE, "longest_idle", "Idle longest."}};

const pb_strategy patchbay_strategy = {
	.name = "{{name}}",
	.version = "0.1.0",
	.settings_schema =
		"{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"busy_seconds\":{"
		"\"description\":\"how many seconds of idleness one open assignment takes away\","
		"\"type\":\"number\",\"minimum\":0,\"maximum\":86400,\"default\":60}}}",
	.reasons = reasons,
	.reason_count = 1,
	.deterministic = 1,
	.configure = configure,
	.score = {{ident}}_score,
	.score_reason = LONGEST_IDLE,
};
