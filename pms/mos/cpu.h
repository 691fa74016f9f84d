/* cpu.h - mOS's count of processors, on FlowOS */
#ifndef CPU_H
#define CPU_H

/* How many contexts a program may run: one.  More cores are used by `lanes` of the configuration, each
 * with a process of the program. */
int GetNumCPUs(void);

#endif
