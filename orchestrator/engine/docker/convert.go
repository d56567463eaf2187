package docker

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/system"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// Where things are inside a container.
const (
	sourceRoot = "/src"
	ownRoot    = "/shardyard"
	envDir     = ownRoot + "/env"
	cacheDir   = ownRoot + "/cache"
	agentDir   = ownRoot + "/agent"
	agentFile  = agentDir + "/shardyard"
	caDir      = ownRoot + "/ca"
	caFile     = caDir + "/bundle.pem"
	upperDir   = ownRoot + "/upper" // where the engine sees who owns the volume of that name
	homeDir    = "/home/shardyard"
	tempDir    = "/tmp"
)

// Bounds where the configuration has none.
const (
	defaultPIDs = 4096
	sharedMem   = 1 << 30 // of /dev/shm; counts as the container's memory when it is used
)

// An identity is who runs tests.
type identity struct{ UID, GID int }

// defaultUser runs tests unless the configuration says otherwise.
var defaultUser = identity{1000, 1000}

func (id identity) String() string { return fmt.Sprintf("%d:%d", id.UID, id.GID) }

// slug is fit for names of volumes.
func (id identity) slug() string { return fmt.Sprintf("%d-%d", id.UID, id.GID) }

// name returns a user's in the passwd file, where the image has none.
func (id identity) name() string {
	if id == defaultUser {
		return "shardyard"
	}
	return fmt.Sprintf("shardyard%d", id.UID)
}

// parseUser reads Spec.User: "", "root", or uid[:gid].
func parseUser(s string) (identity, error) {
	switch s {
	case "":
		return defaultUser, nil
	case "root":
		return identity{0, 0}, nil
	}
	u, g := engine.SplitUser(s)
	uid, ok := engine.ID(u)
	gid, both := uid, ok
	if g != "" {
		gid, both = engine.ID(g)
	}
	if !ok || !both || strings.HasSuffix(s, ":") {
		return identity{}, fmt.Errorf(`user %q: must be "root", or a uid or uid:gid in numbers`, s)
	}
	return identity{uid, gid}, nil
}

// traits are what an engine can do.
type traits struct {
	Init, Memory, Swap, PIDs, CPU, SELinux bool
}

func traitsOf(i system.Info) traits {
	t := traits{Init: i.InitBinary != "", Memory: i.MemoryLimit, Swap: i.SwapLimit, PIDs: i.PidsLimit, CPU: i.CPUCfsQuota}
	for _, o := range i.SecurityOptions {
		t.SELinux = t.SELinux || strings.Contains(o, "name=selinux")
	}
	return t
}

// A blueprint is all that decides how a container is made, as plain data.
type blueprint struct {
	Spec   engine.Spec
	Name   string
	Image  string // reference
	Labels map[string]string
	Who    identity   // who runs tests
	Path   string     // PATH of the image
	Unset  []string   // variables of the image that are not passed on
	Agent  string     // volume
	Cache  *treeMount // nil for none
	// Packages are the volumes of the generation of the package cache that is beneath Cache.
	Packages []string
	CA       string // volume; "" for none
	Tree     *treeMount
	Upper    string   // volume under the tree's mount, that is to get the workers' user as its owner; "" for none
	Binds    []string // of this machine, read-only, at the same path
	Network  string   // of builders
	// Stays has the agent's stdin go on when the connection ends.
	Stays bool
	// Loopback gives the container ::1.
	Loopback bool
	Traits   traits
}

// treeMount is a volume that the engine makes together with the container.
type treeMount struct {
	Volume  string
	Options map[string]string // of the local driver; nil for a volume that is there
}

// privileged reports whether the container's process is root whoever runs tests.
func (b blueprint) privileged() bool { return b.Spec.Role == engine.Builder }

func (b blueprint) source() string {
	if b.Spec.TreeName == "" {
		return sourceRoot
	}
	return path.Join(sourceRoot, b.Spec.TreeName)
}

func (b blueprint) layout() engine.Layout {
	l := engine.Layout{
		Source: b.source(), Env: envDir, Home: homeDir, Temp: tempDir,
		Path: b.searchPath(), UID: b.Who.UID, GID: b.Who.GID,
	}
	if b.Cache != nil {
		l.Cache = cacheDir
	}
	if len(b.Packages) > 0 {
		l.Cache = path.Join(cacheDir, allOf)
	}
	if b.CA != "" {
		l.CA = caFile
	}
	return l
}

func (b blueprint) searchPath() string {
	own := []string{envDir + "/bin"}
	if b.Spec.Base.Host && b.Spec.Base.Program != "" {
		own = append(own, path.Dir(b.Spec.Base.Program))
	}
	prefix := strings.Join(own, ":") + ":"
	return prefix + strings.TrimPrefix(b.Path, prefix) // a layer's image has it already
}

// convert turns a blueprint into the SDK's types. It is pure.
func convert(b blueprint) (*container.Config, *container.HostConfig) {
	user := b.Who
	if b.privileged() {
		user = identity{0, 0}
	}
	stop := 2 // seconds between asking and killing
	config := &container.Config{
		Image:        b.Image,
		User:         user.String(),
		WorkingDir:   "/",
		Entrypoint:   b.command(),
		Env:          b.env(),
		Labels:       b.Labels,
		OpenStdin:    true,
		StdinOnce:    !b.Stays, // the agent's stdin ends with the connection
		AttachStdin:  true,
		AttachStdout: true,
		AttachStderr: true,
		StopTimeout:  &stop,
		Healthcheck:  &container.HealthConfig{Test: []string{"NONE"}},
	}
	if !strings.HasPrefix(b.network(), "container:") {
		config.Hostname = slug(b.Spec.Name)
	}
	host := &container.HostConfig{
		NetworkMode: container.NetworkMode(b.network()),
		Mounts:      b.mounts(),
		LogConfig:   container.LogConfig{Type: "none"},
		ShmSize:     sharedMem,
		Resources:   b.resources(),
	}
	if b.Traits.Init {
		yes := true
		host.Init = &yes
	}
	if b.Loopback && b.network() != "host" && !strings.HasPrefix(b.network(), "container:") {
		host.Sysctls = map[string]string{"net.ipv6.conf.lo.disable_ipv6": "0"}
	}
	if !b.privileged() {
		host.CapDrop = []string{"ALL"}
		host.CapAdd = slices.Clone(b.Spec.Harden.CapAdd)
		host.SecurityOpt = append(host.SecurityOpt, "no-new-privileges")
		host.ReadonlyRootfs = b.Spec.Harden.Strict
	}
	if b.Traits.SELinux && len(b.Binds) > 0 {
		// Files of this machine are shown as they are, not relabelled.
		host.SecurityOpt = append(host.SecurityOpt, "label=disable")
	}
	return config, host
}

// handOver gives what root made to the workers' user, and touches nothing else: a file of
// the layer beneath would be copied.
const handOver = `for d in ` + envDir + " " + homeDir + `; do
[ -e "$d" ] || continue
if command -v find >/dev/null; then find "$d" \( ! -user "${OWNER%:*}" -o ! -group "${OWNER#*:}" \) -exec chown -h "$OWNER" {} + || s=1
else chown -Rh "$OWNER" "$d" || s=1; fi
done
`

// openUp lets others write over what this user has put into the package cache: each does so
// in an overlay of its own.
const openUp = `! command -v find >/dev/null || find ` + cacheDir + `/` + allOf + ` -user "$(id -u)" \( -type d ! -perm -0777 -o -type f ! -perm -0666 \) -exec chmod a+rwX {} + || s=1
`

// command runs the agent, and then what makes its work fit for others.
func (b blueprint) command() []string {
	agent := []string{agentFile, "agent"}
	var after string
	if b.privileged() && b.Who.UID != 0 {
		after = "OWNER=" + b.Who.String() + "\n" + handOver
	}
	if b.Spec.Role != engine.Worker && len(b.Packages) > 0 {
		after += openUp
	}
	if after == "" {
		return agent
	}
	return append([]string{"/bin/sh", "-c", `"$@"; s=$?` + "\n" + after + "exit $s", "sh"}, agent...)
}

func (b blueprint) env() []string {
	env := map[string]string{"HOME": homeDir, "PATH": b.searchPath()}
	if b.Spec.Base.Host {
		env["LANG"] = "C.UTF-8"
	}
	maps.Copy(env, b.Spec.Env)
	var list []string
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	for _, k := range b.Unset {
		if _, set := env[k]; !set {
			list = append(list, k) // without a value: the engine takes it away
		}
	}
	slices.Sort(list)
	return list
}

func (b blueprint) network() string {
	switch role := b.Spec.Role; {
	case b.Spec.Network != "":
		return b.Spec.Network
	case role == engine.Finisher:
		return "none"
	case (role == engine.Builder || role == engine.Preparer) && b.Network != "":
		return b.Network
	}
	return "bridge"
}

func (b blueprint) resources() container.Resources {
	var r container.Resources
	if b.Traits.PIDs {
		pids := b.Spec.Limits.PIDs
		if pids == 0 {
			pids = defaultPIDs
		}
		r.PidsLimit = &pids
	}
	if b.Traits.Memory {
		r.Memory = b.Spec.Limits.Memory
	}
	if b.Traits.Memory && b.Traits.Swap {
		r.MemorySwap = r.Memory // the same: no swap
	}
	if b.Traits.CPU {
		r.NanoCPUs = int64(b.Spec.Limits.CPUs * 1e9)
	}
	return r
}

func (b blueprint) mounts() []mount.Mount {
	m := []mount.Mount{
		volumeAt(b.Agent, agentDir, true),
		// Anonymous: goes with the container. Not in its own layer, which a
		// seal would keep; the image's folder gives it its mode.
		b.writable(tempDir),
	}
	if b.Cache != nil {
		m = append(m, b.mounted(*b.Cache, cacheDir))
	}
	if b.CA != "" {
		m = append(m, volumeAt(b.CA, caDir, true))
	}
	if b.Spec.Tree == "" {
		m = append(m, mount.Mount{Type: mount.TypeVolume, Target: b.source(), VolumeOptions: &mount.VolumeOptions{NoCopy: true, Labels: b.Labels}})
	}
	if b.Spec.Harden.Strict {
		m = append(m, b.writable(homeDir))
		if b.Spec.Tree != "" && b.Tree == nil {
			m = append(m, b.writable(b.source()))
		}
	}
	m = append(m, b.treeMounts(b.source())...)
	for _, p := range b.Binds {
		m = append(m, mount.Mount{Type: mount.TypeBind, Source: p, Target: p, ReadOnly: true})
	}
	return m
}

// writable returns a volume that goes with the container, and begins as the image's
// folder.
func (b blueprint) writable(folder string) mount.Mount {
	return mount.Mount{Type: mount.TypeVolume, Target: folder, VolumeOptions: &mount.VolumeOptions{Labels: b.Labels}}
}

// treeMounts returns those of an overlay over the tree.
func (b blueprint) treeMounts(at string) (m []mount.Mount) {
	if b.Upper != "" {
		m = append(m, mount.Mount{Type: mount.TypeVolume, Source: b.Upper, Target: upperDir, ReadOnly: true, VolumeOptions: &mount.VolumeOptions{Labels: b.Labels}})
	}
	if b.Tree != nil {
		m = append(m, b.mounted(*b.Tree, at))
	}
	return m
}

// mounted returns a volume that is made together with the container, if it has options.
func (b blueprint) mounted(v treeMount, at string) mount.Mount {
	m := volumeAt(v.Volume, at, false)
	if v.Options != nil {
		m.VolumeOptions.Labels, m.VolumeOptions.DriverConfig = b.Labels, &mount.Driver{Name: "local", Options: v.Options}
	}
	return m
}

func volumeAt(name, target string, readOnly bool) mount.Mount {
	return mount.Mount{Type: mount.TypeVolume, Source: name, Target: target, ReadOnly: readOnly, VolumeOptions: &mount.VolumeOptions{NoCopy: true}}
}
