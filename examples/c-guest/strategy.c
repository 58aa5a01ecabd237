// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Who knows it best and has rested longest: agents are scored by their levels
// in the skills that the work requires and by how long they have been idle. Two
// settings say how much each counts, and how long agents rest at least.

#include "patchbay.h"

enum { BEST = 1, RESTING = 2 };

static int64_t share = 50; // how much skill counts, in per cent; the rest is for time idle
static int64_t rest_ms;    // how long agents are left alone after their last work
static int64_t wake_at;    // when the first who rests is ready; 0 for never

static const char *configure(pb_json settings) {
	const char *error = NULL;
	double percent = pb_setting_number(settings, "skill_share", 50, &error);
	double rest = pb_setting_number(settings, "rest_seconds", 0, &error);
	if (error != NULL)
		return error;
	if (!(percent >= 0 && percent <= 100))
		return "skill_share must be from 0 to 100";
	if (!(rest >= 0 && rest <= 3600))
		return "rest_seconds must be from 0 to 3600";
	share = (int64_t)percent;
	rest_ms = (int64_t)(rest * 1000);
	return NULL;
}

static int64_t least(int64_t a, int64_t b) {
	return a < b ? a : b;
}

static int32_t score(pb_turn *turn, const pb_work *work, const pb_agent *agent) {
	int64_t idle = pb_idle_ms(turn, agent);
	if (agent->idle_since != 0 && idle < rest_ms) {
		int64_t ready = agent->idle_since + rest_ms;
		wake_at = wake_at == 0 ? ready : least(wake_at, ready);
		return PB_NOBODY;
	}
	int64_t skill = least(pb_skill_sum(turn, work, agent), 10000);
	int64_t rested = least(idle / 60, 10000); // ten minutes count as much as level 10
	return (int32_t)((share * skill + (100 - share) * rested) / 100);
}

static void finish(pb_turn *turn, pb_reply *reply) {
	(void)turn;
	if (wake_at != 0)
		pb_wake_by(reply, wake_at);
	wake_at = 0;
}

static const pb_reason reasons[] = {
	{BEST, "skilled_and_idle", "Best by skill and time idle."},
	{RESTING, "resting", "All who could take it are resting."},
};

static const char schema[] =
	"{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
	"\"skill_share\":{\"description\":\"how much skill counts, in per cent; the rest is for time idle\","
	"\"type\":\"number\",\"minimum\":0,\"maximum\":100,\"default\":50},"
	"\"rest_seconds\":{\"description\":\"how long agents are left alone after their last work\","
	"\"type\":\"number\",\"minimum\":0,\"maximum\":3600,\"default\":0}}}";

const pb_strategy patchbay_strategy = {
	.name = "skilled-idle",
	.version = "1.0.0",
	.settings_schema = schema,
	.reasons = reasons,
	.reason_count = sizeof reasons / sizeof *reasons,
	.deterministic = 1,
	.configure = configure,
	.score = score,
	.score_reason = BEST,
	.waits_reason = RESTING,
	.finish = finish,
};
