/* How it works: two options, one comparison each; and when an extent ends, so that its age can be told. */
#include "broker/retention.h"

#define PARTS  4 /* an extent ends when it has lived for one of so many of `retain` */
#define MIB_MS 1000 /* but not before so long for each MiB of it */

bool
ph_retention_outlived(
    const ph_broker *broker, const ph_store_span *extent, uint64_t used)
{
	const ph_options *options = &broker->site->options;
	int64_t age_ms = ph_broker_now(broker) - extent->until_ms;
	return used > (uint64_t) ph_options_get(options, PH_OPTION_RETAIN_BYTES) ||
	       age_ms > ph_options_get(options, PH_OPTION_RETAIN_MS);
}

int64_t
ph_retention_end_ms(const ph_options *options)
{
	int64_t least_ms =
	    ph_options_get(options, PH_OPTION_SEGMENT_BYTES) / (1 << 20) * MIB_MS;
	int64_t part_ms = ph_options_get(options, PH_OPTION_RETAIN_MS) / PARTS;
	return part_ms > least_ms ? part_ms : least_ms;
}
