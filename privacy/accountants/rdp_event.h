/* privacy/accountants/rdp_event.h - Renyi divergence of one event. Local. */
#pragma once
#include "privacy/accountants/accountant.h"

/* What is computed once an event: the moments at integer orders, for those events that are exact or
 * bounded there alone. */
typedef struct {
    co_event event;
    double most;   /* largest excess that moment() answers */
    double *table; /* table[a]: moment of integer order a, up to n_table - 1; NULL: any order is
                      direct */
    size_t n_table;
} co_rdp_event;

co_status co_rdp_event_init(co_rdp_event *e, const co_event *event);
void co_rdp_event_fini(co_rdp_event *e);
/* excess x Renyi divergence of order 1 + excess, 0 < excess <= most: log E[e^(excess loss)], the
 * larger of both directions; an upper bound where the divergence itself is not known. */
double co_rdp_event_moment(const co_rdp_event *e, double excess);
