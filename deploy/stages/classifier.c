/* deploy/stages/classifier.c - see stage.h */
#include "classifier/classifier.h"
#include "deploy/stages/stage.h"

static void *make(void *arg)
{
	(void)arg;
	return fos_classifier_new();
}

static void drop(void *state)
{
	fos_classifier_free(state);
}

const struct sim_stage sim_classifier = {&fos_classifier_hooks, make, drop};
