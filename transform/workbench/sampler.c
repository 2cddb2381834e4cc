/*
 * sampler - the numbers that samples are made of: splitmix64, the same on every machine.
 */
#include "transform/workbench/sample.h"

uint64_t
ph_sampler_next(ph_sampler *sampler)
{
	uint64_t z = sampler->state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

size_t
ph_sampler_number(ph_sampler *sampler, size_t least, size_t most)
{
	return most <= least
		   ? least
		   : least + (size_t) (ph_sampler_next(sampler) % (most - least + 1));
}
