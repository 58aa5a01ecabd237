// Plays a turn made by hand to the strategy, on this machine.

#include "strategy.h"

#include <stdio.h>
#include <string.h>

static int failed;

static void want(const char *what, int64_t got, int64_t wanted) {
	if (got != wanted) {
		fprintf(stderr, "%s: got %lld, want %lld\n", what, (long long)got, (long long)wanted);
		failed = 1;
	}
}

// Two agents may be offered one call: the first has been idle for 10 s, the
// second for 50 s. Returns the reply.
static pb_frame play(const char *settings, uint16_t open) {
	static _Alignas(8) uint8_t room[4096];
	pb_agent agents[2] = {
		{.ref = 7, .gen = 1, .flags = PB_AGENT_CONNECTED, .capacity = 1000, .max_open = 10, .idle_since = 90000},
		{.ref = 9, .gen = 1, .flags = PB_AGENT_CONNECTED, .capacity = 1000, .max_open = 10, .idle_since = 50000, .open = open},
	};
	pb_work work = {.ref = 3, .gen = 1, .revision = 2, .size = 1000, .state = PB_WORK_WAITING};
	pb_item item = {.work = 0, .candidates = {0, 2}};
	pb_candidate candidates[2] = {{.agent = 0, .takes = 1000}, {.agent = 1, .takes = 1000}};
	pb_header header = {.kind = PB_KIND_CANDIDATES, .epoch = 1, .seq = 1, .now = 100000};
	pb_writer w;
	pb_frame reply;
	pb_write_begin(&w, room, sizeof room, 4);
	pb_write_rows(&w, PB_TABLE_AGENT, 1, agents, 2);
	pb_write_rows(&w, PB_TABLE_WORK, 1, &work, 1);
	pb_write_rows(&w, PB_TABLE_ITEM, 1, &item, 1);
	pb_write_rows(&w, PB_TABLE_CANDIDATE, 1, candidates, 2);
	size_t n = pb_write_end(&w, &header);
	pb_guest_cold(2, settings, strlen(settings));
	pb_answer answer = pb_guest_turn(room, n);
	const char *fault = pb_read(&reply, answer.at, answer.n);
	if (fault != NULL)
		fprintf(stderr, "%s\n", fault);
	want("a reply that can be read", fault == NULL, 1);
	want("status", reply.header->status, PB_OK);
	want("proposals", pb_count(&reply, PB_TABLE_PROPOSAL), 2);
	return reply;
}

static const pb_proposal *first(const pb_frame *reply) {
	return pb_row(reply, PB_TABLE_PROPOSAL, 0);
}

int main(void) {
	pb_frame reply = play("{}", 0);
	want("who was idle longest", first(&reply)->agent, 9);
	want("its score", first(&reply)->score, 50);
	want("the revision", first(&reply)->revision, 2);
	reply = play("{}", 1);
	want("open work counts", first(&reply)->agent, 7);
	reply = play("{\"busy_seconds\":0}", 1);
	want("as the setting says", first(&reply)->agent, 9);
	puts(failed ? "failed" : "ok");
	return failed;
}
