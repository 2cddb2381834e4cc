/*
 * checkpoint_rig - a site whose broker lives and dies in processes of their own, copies of it that are
 * treated differently, and what a start on each of them gives. PH_SEED is the first history.
 */
#ifndef PH_TESTS_CHECKPOINT_RIG_H
#define PH_TESTS_CHECKPOINT_RIG_H

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/checkpoint.h"
#include "lib/base/fs.h"
#include "tests/unit/check_main.h"
#include "tests/unit/history.h"

static char home[64];
static char site[80];

static inline void
setup_with(const char *limits)
{
	char log[100];
	(void) snprintf(home, sizeof home, "/tmp/ph-check.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	(void) snprintf(site, sizeof site, "%s/site", home);
	history_shell("mkdir %s", site);
	history_site(site, limits);
	(void) snprintf(log, sizeof log, "%s/log", home);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	close(fd);
}

static inline void
setup(void)
{
	setup_with("");
}

static inline void
setup_often(void)
{
	setup_with("checkpoint-after: 10ms");
}

static inline void
teardown(void)
{
	if (getenv("PH_KEEP") == NULL)
		history_shell("rm -r %s", home);
}

/* Another site in the same state; its path is borrowed until the second call after. */
static inline const char *
copy_site(const char *name)
{
	static char paths[2][120];
	static unsigned turn;
	char *path = paths[turn++ % 2];
	(void) snprintf(path, sizeof paths[0], "%s/%s", home, name);
	history_shell("rm -rf %s && cp -r %s %s", path, site, path);
	return path;
}

static inline unsigned
files(const char *directory, const char *suffix)
{
	char path[200];
	char **names = NULL;
	size_t count = 0;
	(void) snprintf(path, sizeof path, "%s/state/checkpoint", directory);
	ck_assert_int_eq(ph_fs_list(path, suffix, &names, &count, NULL), PH_OK);
	free(names);
	return (unsigned) count;
}

static inline bool
logged(const char *text)
{
	char path[100];
	char *log = NULL;
	size_t length = 0;
	(void) snprintf(path, sizeof path, "%s/log", home);
	ck_assert_int_eq(ph_fs_slurp(path, 1u << 26, &log, &length, NULL), PH_OK);
	bool found = strstr(log, text) != NULL;
	free(log);
	return found;
}

/* Run `live` in a process that dies without a good-bye: at the crash point `at`, or at its end. */
static inline void
until(const char *at, void (*live)(history *self), uint64_t seed)
{
	int status = 0;
	(void) fflush(NULL);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		history self;
		if (at != NULL)
			(void) setenv("PACKHORSE_CRASH_AT", at, 1);
		history_begin(&self, history_broker(site), seed);
		live(&self);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	if (at == NULL)
		ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	else
		ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static inline void
in_a_life(void (*live)(history *self), uint64_t seed)
{
	until(NULL, live, seed);
}

/* Start on a site, look at everything, stop. Gives the number of the checkpoint that was used. */
static inline uint64_t
look_at(const char *directory, ph_buffer *out)
{
	ph_checkpoint_state state;
	ph_broker *broker = history_broker(directory);
	ph_checkpoint_look(broker, &state);
	ph_buffer_init(out, 0);
	history_dump(broker, out);
	ph_broker_destroy(&broker);
	return state.number;
}

static inline void
compare(const ph_buffer *is, const ph_buffer *should, uint64_t seed)
{
	const char *a = (const char *) is->data, *b = (const char *) should->data;
	size_t at = 0, line = 0;
	while (at < is->length && at < should->length && a[at] == b[at]) {
		at++;
		if (a[at - 1] == '\n')
			line = at;
	}
	ck_assert_msg(is->length == should->length && at == is->length,
	    "seed %" PRIu64 ": from the checkpoint\n%.300s\nfolded\n%.300s", seed,
	    a + line, b + line);
}

static inline uint64_t
first_seed(void)
{
	const char *text = getenv("PH_SEED");
	return text == NULL ? 1 : strtoull(text, NULL, 10);
}

#endif
