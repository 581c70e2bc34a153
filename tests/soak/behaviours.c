/* SPDX-License-Identifier: Apache-2.0 */
#include "behaviours.h"

/* Weights are parts of about a thousand. What waits for a deadline is rare, since it keeps a slot for seconds; what
 * moves mebibytes too. A flood is for two at once: more are not a mix but a siege. */
/* clang-format off */
const struct behaviour behaviours[] = {
    {"echo",               90, true,  play_echo, 0},
    {"find",              170, true,  play_find, 0},
    {"find all",            4, true,  play_find_all, 0},
    {"find many at once",  40, true,  play_find_many_at_once, 0},
    {"find cancelled",     40, true,  play_find_cancelled, 0},
    {"find vanishing",     40, true,  play_find_vanishing, 0},
    {"find slow reader",    2, false, play_find_slow_reader, 0},
    {"store",              90, true,  play_store, 0},
    {"store again",        20, true,  play_store_again, 0},
    {"store different",    20, true,  play_store_different, 0},
    {"store imperfect",    20, true,  play_store_imperfect, 0},
    {"store large",         5, true,  play_store_large, 0},
    {"store many at once", 15, true,  play_store_many_at_once, 0},
    {"store vanishing",    40, false, play_store_vanishing, 0},
    {"get",                60, true,  play_get, 0},
    {"get large",           2, true,  play_get_large, 0},
    {"get converted",      15, true,  play_get_converted, 0},
    {"get refusing",       15, false, play_get_refusing, 0},
    {"get unanswered",      4, false, play_get_unanswered, 0},
    {"get cancelled",      25, false, play_get_cancelled, 0},
    {"get vanishing",      25, false, play_get_vanishing, 0},
    {"get stalled",         2, false, play_get_stalled, 0},
    {"move",               50, true,  play_move, 0},
    {"move cancelled",     10, false, play_move_cancelled, 0},
    {"move vanishing",     10, false, play_move_vanishing, 0},
    {"move astray",        20, false, play_move_astray, 0},
    {"broken request",     40, true,  play_broken_request, 0},
    {"broken PDU",         40, false, play_broken_pdu, 0},
    {"mutated",            20, false, play_mutated, 0},
    {"wrong talk",         25, false, play_wrong_talk, 0},
    {"probe",              30, false, play_probe, 0},
    {"no access",          25, false, play_no_access, 0},
    {"few rights",         15, false, play_few_rights, 0},
    {"cut request",        25, false, play_cut_request, 0},
    {"silent",              4, false, play_silent, 0},
    {"dripping",            3, false, play_dripping, 0},
    {"idle",                4, false, play_idle, 0},
    {"stalled message",     5, false, play_stalled_message, 0},
    {"never reading",       1, false, play_never_reading, 2},
};
/* clang-format on */
const unsigned behaviour_count = sizeof behaviours / sizeof *behaviours;
