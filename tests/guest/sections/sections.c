// SPDX-License-Identifier: GPL-2.0-or-later
/* A module with something in each kind of section, for tests/hooks.t. */
#include <linux/module.h>
#include <linux/percpu.h>

static int writable = 1;
static DEFINE_PER_CPU(int, of_each_cpu);

static int __init sections_init(void)
{
	this_cpu_add(of_each_cpu, writable);
	pr_info("sections: %px is per cpu\n", &of_each_cpu);
	return 0;
}

static void __exit sections_exit(void)
{
	writable = 0;
}

module_init(sections_init);
module_exit(sections_exit);
MODULE_LICENSE("GPL");
