/* sim/experiment/sections.h - the sections of an experiment, for the files of this folder: tables
 * of their keys, and the check of each, in the order in which it is made. Local. */
#pragma once
#include "sim/experiment/experiment.h"

/* The section's map, made empty when absent; CO_EUSAGE when it is no map. */
co_status co_section_open(co_experiment *e, const char *name, co_config *section);
/* The text of a key that names a member, before the section is checked: its own, or the standard
 * one. */
co_status co_section_name(const co_config *section, const char *key, const char *standard,
                          const char **name);
/* Finds the member that `key` names; the registry's message gets file, line and key before it. */
co_status co_section_member(const co_config *section, const char *key, const char *standard,
                            const co_kind *kind, const co_plugin **member);
/* The section's keys (params) and the options of its members (NULL: none). */
co_status co_section_check(const co_config *section, const co_param *params, const co_plugin *a,
                           const co_plugin *b, const co_plugin *c);

extern const co_param co_top_params[], co_data_params[], co_devices_params[], co_local_params[],
    co_transforms_params[], co_downlink_params[], co_server_params[], co_privacy_params[],
    co_example_params[], co_label_params[], co_clock_params[], co_secagg_params[],
    co_groups_params[], co_eval_params[], co_stop_params[], co_output_params[];

co_status co_check_data(co_experiment *e);    /* data, partition, model (data.c) */
co_status co_check_devices(co_experiment *e); /* devices (devices.c) */
co_status
co_check_training(co_experiment *e); /* local, transforms, aggregate, server (training.c) */
co_status co_check_privacy(co_experiment *e); /* privacy (privacy.c) */
co_status co_check_example(co_experiment *e); /* local.dp, once all is known (example.c) */
/* transforms of local privacy and local.label_dp, once all is known (local_privacy.c) */
co_status co_check_local_privacy(co_experiment *e);
co_status co_check_clock(co_experiment *e);      /* clock, where it is given (clock.c) */
co_status co_check_mode(const co_experiment *e); /* devices.mode, once all is known (devices.c) */
co_status co_check_groups(co_experiment *e); /* aggregate.groups, once all is known (groups.c) */
co_status co_check_secagg(co_experiment *e); /* secagg, where it is given (secagg.c) */
co_status co_check_unbiased(const co_experiment *e); /* aggregate.unbiased, once all is known */
co_status co_check_control(co_experiment *e);        /* eval, stop, output (control.c) */
