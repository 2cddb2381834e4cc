/*
 * log - one line per decision, on standard error. For programs; libraries never log.
 *
 * A line is: time, level, event, then key=value pairs: "2026-11-23T04:19:00.123Z warn
 * delivery-retry queue=waste msg=SR-... attempt=3 wait_ms=4000". Control bytes and
 * bidirectional marks in values are escaped, a line is cut at 4 KiB.
 * Event names are listed in events.def; tools/check-events finds one that is not.
 * Ids, sizes, paths and codes only: never a payload, never personal data.
 *
 * Thread: any.
 */
#ifndef PH_BASE_LOG_H
#define PH_BASE_LOG_H

typedef enum ph_log_level {
	PH_LOG_ERROR,
	PH_LOG_WARN,
	PH_LOG_INFO,
	PH_LOG_DEBUG
} ph_log_level;

/* Lines above this level are dropped. Default PH_LOG_INFO. */
void ph_log_threshold(ph_log_level level);
/* Put the program's name in each line; `name` must live for ever. */
void ph_log_program(const char *name);
/* `event` is a name of events.def, for example "delivery-retry". */
void ph_log(ph_log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
