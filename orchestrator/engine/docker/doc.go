// Package docker is the engine whose places of work are containers.
//
// It owns everything that has to do with a Docker engine: which one is asked,
// how a base image becomes one that workers can run on, how a sealed layer is
// kept, how every worker gets its own writable copy of the source, and what is
// removed when. It is the only package that imports the Docker SDK. It knows
// nothing of tests: the container's process is the agent, and what is said on
// its stdin and stdout is other packages' business.
//
// Nothing of the user's checkout is ever mounted, so the engine may be remote.
// Things travel into it as tar archives, through containers that are created,
// filled and removed without ever being started.
//
// # What is where inside
//
//	/src/NAME            the tree, the worker's own writable copy
//	/shardyard/env       the environment, made by setup, kept in the layer
//	/shardyard/cache     the warm cache
//	/shardyard/agent     the agent
//	/shardyard/ca        the CA bundle of builders
//	/home/shardyard      HOME
//	/tmp                 private to each container, never sealed
//
// # What is kept, and how it is found again
//
// Layers are images tagged with their key; trees, caches and the agent are
// volumes. Labels of images and volumes cannot be changed, so when something
// was last used is written into a file of LockDir; a volume counts as full
// only when its file says so. Everything carries the labels of label.go.
//
// An Engine holds one lock file in LockDir as long as it lives, and names it
// in the label of everything that must not outlive it. [Engine.Sweep] removes
// what belongs to locks that nobody holds any more.
package docker
