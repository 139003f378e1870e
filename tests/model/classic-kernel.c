/* SPDX-License-Identifier: MIT */
/*
 * The variables of a kernel for random-classic.py and mscan.py, which reads
 * this text: one to a line.  No holes, and no union whose members differ in size.
 */
#define PERCPU __attribute__((section(".data..percpu")))
struct pair { int one, two; };
struct inode { long number; struct pair owner; struct { short mode; char kind, links; unsigned flags; };
	union { int count; float share; }; int pad[3]; struct pair times; };
struct table { struct pair rows[3]; long total; struct inode *inodes[4]; long many[70]; };
struct node { char name[40]; struct inode inode; unsigned char low : 3, high : 5, rest[7]; };
PERCPU struct inode current_inode;
PERCPU long int ticks[3];
PERCPU struct table percpu_table;
struct table the_table;
struct node nodes[2];
struct inode *last_inode;
long int jiffies;
struct pair limits[3];
static struct node hidden;
void *_start(void) { return &hidden; }
