/*
 * packhorsed - the broker of the council message bus.
 *
 *   packhorsed [-c DIRECTORY] [-v] [--past-damage]
 *                                      run, in the foreground, logging to standard error
 *   packhorsed [-c DIRECTORY] --check  read the configuration and say whether it is good
 *   packhorsed --version | --help
 *
 * It is ready when its control socket answers. SIGTERM and SIGINT stop it cleanly. Exit status: 0
 * after a clean stop, 64 wrong usage, 70 it could not start, 74 the disk failed or another broker has
 * been given the partition (what was acknowledged is safe), 78 the configuration is wrong.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/lifecycle.h"
#include "lib/base/log.h"
#include "lib/base/os.h"
#include "lib/base/thread.h"

enum { EXIT_USAGE = 64, EXIT_START = 70, EXIT_DISK = 74, EXIT_CONFIG = 78 };

static const char usage[] =
    "usage: packhorsed [-c DIRECTORY] [-v] [--check | --past-damage]\n"
    "       packhorsed --version | --help\n"
    "\n"
    "  -c, --config DIRECTORY  the site's configuration (default: " PH_SYSCONFDIR ")\n"
    "      --check             read the configuration, say whether it is good, end\n"
    "      --past-damage       this once, start although the journal is damaged: name "
    "what is\n"
    "                          damaged, serve nothing of it, delete nothing; see "
    "packhorsed(8)\n"
    "  -v, --verbose           log what is done, not only what matters\n"
    "      --version           name the version\n"
    "  -h, --help              this text\n";

typedef struct wishes {
	const char *directory;
	bool check;
	bool past_damage;
	int exit; /* -1: go on */
} wishes;

static wishes
read_options(int argc, char **argv)
{
	static const struct option known[] = {{"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 'k'}, {"past-damage", no_argument, NULL, 'p'},
	    {"verbose", no_argument, NULL, 'v'}, {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	wishes wanted = {.directory = PH_SYSCONFDIR, .exit = -1};
	int letter;
	while ((letter = getopt_long(argc, argv, "c:vh", known, NULL)) != -1) {
		switch (letter) {
		case 'c':
			wanted.directory = optarg;
			break;
		case 'k':
			wanted.check = true;
			break;
		case 'p':
			wanted.past_damage = true;
			break;
		case 'v':
			ph_log_threshold(PH_LOG_DEBUG);
			break;
		case 'V':
			(void) printf("packhorsed %s\n", PACKAGE_VERSION);
			wanted.exit = 0;
			return wanted;
		case 'h':
			(void) fputs(usage, stdout);
			wanted.exit = 0;
			return wanted;
		default:
			wanted.exit = EXIT_USAGE;
			return wanted;
		}
	}
	if (optind < argc) {
		(void) fprintf(stderr,
		    "packhorsed: PH7120 \"%s\" is not wanted here\n%s", argv[optind],
		    usage);
		wanted.exit = EXIT_USAGE;
	}
	return wanted;
}

static int
say_error(const ph_error *err, int status)
{
	bool placed = err->where[0] != 0;
	(void) fprintf(
	    stderr, "%s%s%s\n", placed ? err->where : "packhorsed", ": ", err->text);
	return status;
}

/* ---- signals: one thread waits for them and posts to the loop ---- */

typedef struct stopper {
	ph_broker *broker;
	sigset_t signals;
} stopper;

static void
stop_broker(void *self)
{
	ph_broker_stop(self);
}

static void *
wait_for_signals(void *self)
{
	const stopper *at = self;
	int number;
	while (sigwait(&at->signals, &number) == 0) {
		if (number == SIGUSR1)
			return NULL;
		(void) ph_loop_post(at->broker->loop, stop_broker, at->broker, NULL);
	}
	return NULL;
}

static void
block_signals(sigset_t *signals)
{
	(void) sigemptyset(signals);
	(void) sigaddset(signals, SIGTERM);
	(void) sigaddset(signals, SIGINT);
	(void) sigaddset(signals, SIGUSR1);
	(void) pthread_sigmask(SIG_BLOCK, signals, NULL);
	(void) signal(SIGPIPE, SIG_IGN);
}

static int
run(ph_site **site_p, const wishes *wanted)
{
	ph_error err = {.status = PH_OK};
	stopper stop = {.broker = NULL};
	pthread_t waiter;
	int64_t start_ms = ph_clock_mono(ph_clock_system());
	const ph_broker_seams seams = {.past_damage = wanted->past_damage};
	block_signals(&stop.signals);
	ph_os_harden();
	ph_os_keep_memory();
	if (ph_broker_new(site_p, &seams, &stop.broker, &err) != PH_OK)
		return say_error(&err, EXIT_START);
	if (ph_thread_start(&waiter, "signals", wait_for_signals, &stop) != 0) {
		ph_broker_destroy(&stop.broker);
		return EXIT_START;
	}
	ph_log(PH_LOG_INFO, "ready", "version=%s pid=%d endpoint=%s took_ms=%lld",
	    PACKAGE_VERSION, (int) getpid(), stop.broker->endpoint,
	    (long long) (ph_clock_mono(ph_clock_system()) - start_ms));
	ph_status status = ph_broker_run(stop.broker, &err);
	(void) pthread_kill(waiter, SIGUSR1);
	(void) pthread_join(waiter, NULL);
	ph_broker_destroy(&stop.broker);
	if (status != PH_OK)
		return say_error(&err, EXIT_DISK);
	ph_log(PH_LOG_INFO, "stopped", "pid=%d", (int) getpid());
	return 0;
}

int
main(int argc, char **argv)
{
	ph_error err = {.status = PH_OK};
	ph_site *site = NULL;
	ph_log_program("packhorsed");
	wishes wanted = read_options(argc, argv);
	if (wanted.exit >= 0)
		return wanted.exit;
	if (ph_site_load(wanted.directory, &site, &err) != PH_OK)
		return say_error(&err, EXIT_CONFIG);
	if (!wanted.check)
		return run(&site, &wanted);
	(void) printf("%s: good (%zu adapters, %zu routes)\n", site->directory,
	    site->adapter_count, site->route_count);
	ph_site_destroy(&site);
	return 0;
}
