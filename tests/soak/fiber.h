/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/soak/fiber: straight-line code for thousands of conversations on one thread.
 *
 * A fiber is a function with a stack of its own. It runs until it waits for a descriptor or a time; then
 * another one runs. So a conversation is written down as it goes, without call-backs, and two fibers never
 * touch a thing at once: no locks.
 */
#ifndef SOAK_FIBER_H
#define SOAK_FIBER_H

#include <stdbool.h>
#include <stdint.h>

int64_t now_ms(void);

/* Makes a fiber that calls fn(arg) and ends when that returns. Legal inside and outside of fibers. */
void fiber_start(void (*fn)(void *arg), void *arg);
/* Waits until the descriptor is ready for these EPOLL events: what is ready, 0 = timeout_ms is over (below 0:
 * never). Only inside a fiber; one fiber a descriptor. */
unsigned fiber_wait(int fd, unsigned events, int64_t timeout_ms);
void fiber_sleep(int64_t ms);
/* Runs fibers until there is none left. */
void fiber_run(void);

#endif
