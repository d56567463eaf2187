package advice

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// table has what is known of each kind of thing that is not there.
var table = map[worker.LackKind]func(name string, d framework.Desk) framework.Advice{
	worker.LackProgram:     program,
	worker.LackLibrary:     library,
	worker.LackFile:        file,
	worker.LackVariable:    variable,
	worker.LackService:     service,
	worker.LackHost:        host,
	worker.LackAddress:     address,
	worker.LackCertificate: certificate,
	worker.LackLocale:      locale,
	worker.LackZone:        zone,
	worker.LackSpace:       space,
	worker.LackPermission:  permission,
	worker.LackRepository:  repository,
}

// On returns what to do about a thing that is not there; the zero Advice when
// nothing is known. The framework, which may be nil, is asked first.
func On(l worker.Lack, d framework.Desk, first framework.Adviser) framework.Advice {
	if first != nil {
		if a := first.Advise(l, d); a.Do != "" {
			return a
		}
	}
	if known := table[l.Kind]; known != nil {
		if a := known(l.Name, d); a.Do != "" {
			return a
		}
	}
	return framework.Advice{}
}

func write(line string, d framework.Desk) string {
	return fmt.Sprintf("write `%s` to %s", line, d.Config)
}

// install returns how to have a package of Debian where tests run.
func install(packages string, d framework.Desk) string {
	if d.Host {
		return "tests run this machine's programs: sudo apt-get install " + packages
	}
	return fmt.Sprintf("add `apt-get update && apt-get install -y --no-install-recommends %s` to the front of setup in %s, if the image is Debian's; else take an image that has it", packages, d.Config)
}

func program(name string, d framework.Desk) framework.Advice {
	a := framework.Advice{What: "no program " + name}
	packaged, known := programs[path.Base(name)]
	switch {
	case filepath.IsAbs(name) && !known:
	case known:
		a.Do = install(packaged, d)
	case d.Host:
		a.Do = "tests run this machine's programs: install it, or name the directory that it is in: " + write("env: {set: {PATH: ...}}", d)
	default:
		a.Do = fmt.Sprintf("install it by a command of setup in %s, or take an image that has it", d.Config)
	}
	return a
}

func library(name string, d framework.Desk) framework.Advice {
	a := framework.Advice{What: "no library " + name, Do: "install what has it, by a command of setup in " + d.Config}
	if d.Host {
		a.Do = "tests run this machine's libraries: install the one that has it"
	}
	bare, _, _ := strings.Cut(name, ".so")
	for _, known := range []string{name, bare} {
		if packaged, ok := libraries[known]; ok {
			a.Do = install(packaged, d)
		}
	}
	return a
}

func variable(name string, d framework.Desk) framework.Advice {
	a := framework.Advice{What: "no variable " + name}
	switch {
	case name == "DISPLAY":
		a.What, a.Do = "no display", "let tests start one (xvfb-run), or draw nowhere: "+write("env: {set: {QT_QPA_PLATFORM: offscreen}}", d)
	case len(d.Set(name)) > 0:
		a.Do = fmt.Sprintf("it is set here, and tests see only what the config names: write `env: {pass: [%s]}` to %s", name, d.Config)
	default:
		a.Do = fmt.Sprintf("it is not set here either: write `env: {set: {%s: ...}}` to %s", name, d.Config)
	}
	return a
}

func service(name string, d framework.Desk) framework.Advice {
	host, port := name, ""
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		host, port = name[:i], name[i+1:]
	}
	a := framework.Advice{What: "no server at " + name}
	if known := ports[port]; known != "" {
		a.What = "no " + known + " at " + name
	}
	switch {
	case filepath.IsAbs(name):
		a.What = "no server behind " + name
		a.Do = "start it first"
		if d.Isolated {
			a.Do = "containers do not see this machine's sockets: let tests reach it by host and port, with its container's network: " + write("network: NAME", d)
		}
	case !d.Isolated:
		a.Do = "start it first, or leave out the tests that need it"
	case host == "localhost":
		a.Do = "each worker has a localhost of its own: start it and " + write("network: host", d) + ", or give tests its address in another network (network: NAME)"
	default:
		a.Do = "workers have a network of their own: " + write("network: NAME", d) + ", the one of its container (docker network ls)"
	}
	return a
}

func host(name string, d framework.Desk) framework.Advice {
	a := framework.Advice{What: "no address of host " + name}
	proxies := d.Set("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")
	switch {
	case !strings.Contains(name, ".") && d.Isolated:
		a.Do = "if it is a container of a compose project: " + write("network: NAME", d) + ", its network (docker network ls)"
	case strings.Contains(name, ".") && len(proxies) > 0:
		a.Do = "this machine reaches others through a proxy, of which tests are not told: write `env: {pass: [" + strings.Join(proxies, ", ") + "]}` to " + d.Config
	case strings.Contains(name, "."):
		a.Do = "tests reach no network here: leave out those that need one"
	}
	return a
}

func address(name string, d framework.Desk) framework.Advice {
	if name == "" || !d.Isolated {
		return framework.Advice{}
	}
	return framework.Advice{What: "no address " + name, Do: "workers' networks have no IPv6: " + write("network: host", d) + ", or switch IPv6 on in the engine"}
}

func certificate(_ string, d framework.Desk) framework.Advice {
	a := framework.Advice{What: "no certificate of the authority that a server's is from"}
	if set := d.Set("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR"); len(set) > 0 {
		a.Do = "this machine's own are named by variables that tests do not see: write `env: {pass: [" + strings.Join(set, ", ") + "]}` to " + d.Config
		if !d.Host {
			a.Do += ", and put the file into the image"
		}
	}
	return a
}

func locale(name string, d framework.Desk) framework.Advice {
	if name == "" {
		return framework.Advice{What: "no such locale", Do: write("env: {pass: [LANG, LC_ALL]}", d)}
	}
	a := framework.Advice{What: "no locale " + name}
	area, _, _ := strings.Cut(name, ".")
	generate := fmt.Sprintf("localedef -i %s -f UTF-8 %s.UTF-8", area, area)
	if d.Host {
		a.Do = "tests have this machine's locales: sudo " + generate
	} else {
		a.Do = fmt.Sprintf("add `apt-get update && apt-get install -y locales && %s` to setup in %s", generate, d.Config)
	}
	return a
}

func zone(name string, d framework.Desk) framework.Advice {
	return framework.Advice{What: "no time zone " + name, Do: install("tzdata", d)}
}

func space(name string, d framework.Desk) framework.Advice {
	a := framework.Advice{What: "no space for " + name, Do: "make room on its file system"}
	if strings.HasPrefix(name, "/dev/shm/") && d.Isolated {
		a.Do = "/dev/shm of a container holds 1 GiB: let tests keep their files elsewhere, or run with --engine process"
	}
	return a
}

func permission(name string, d framework.Desk) framework.Advice {
	a := framework.Advice{What: "no permission to use " + name}
	if filepath.IsAbs(name) && d.Isolated {
		a.Do = "tests run as a user without privileges: " + write("user: root", d) + " where they must not"
	}
	return a
}

func repository(name string, d framework.Desk) framework.Advice {
	if name == "history" {
		return framework.Advice{
			What: "no files of earlier commits in git",
			Do:   "the .git in workers has the commits, the tags and the files of HEAD only: leave out the tests that need more, or let them make a repository of their own",
		}
	}
	return framework.Advice{What: "no git repository around the sources", Do: write("source: {git: true}", d) + ", for a small one: commits, tags and the files of HEAD"}
}

func file(name string, d framework.Desk) framework.Advice {
	a := framework.Advice{What: "no file " + name}
	module := submoduleOf(name, d.Dir)
	switch {
	case module != "":
		a.Do = fmt.Sprintf("%s is a submodule that is not checked out: git submodule update --init", module)
	case d.Has(name):
		a.Do = fmt.Sprintf("it is in the checkout, and not in the copy that is tested, if git ignores it: write `source: {include: [%s]}` to %s", name, d.Config)
	case filepath.IsAbs(name):
	default:
		if by := madeBy(name, d.Dir); by.command != "" {
			a.Do = fmt.Sprintf("%s makes it: add `%s` to prepare in %s", by.file, by.command, d.Config)
		} else if by := translatedBy(name, d.Dir); by.command != "" {
			a.Do = fmt.Sprintf("%s makes it: write `%s` to prepare in %s, before the project is installed", by.file, by.command, d.Config)
		} else if packaged, ok := headers[name]; ok {
			a.Do = install(packaged, d)
		}
	}
	return a
}

// A maker is a command of a project's file that makes a directory.
type maker struct{ file, command string }

// madeBy finds the command that makes a directory, or the one above a file, in
// what a project's people and CI systems run.
func madeBy(name, project string) maker {
	wanted := []string{path.Clean(name)}
	if dir := path.Dir(path.Clean(name)); dir != "." {
		wanted = append(wanted, dir)
	}
	for _, script := range scripts(project) {
		for _, line := range script.lines() {
			words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t;&|'\"", r) })
			at := slices.Index(words, "mkdir")
			if at < 0 {
				continue
			}
			for _, word := range words[at+1:] {
				if slices.Contains(wanted, path.Clean(word)) {
					return maker{script.name, "mkdir -p " + path.Clean(word)}
				}
			}
		}
	}
	return maker{}
}

// translatedBy returns the command of a script that makes a file out of one of the
// project with the same name and another extension, as Cython does.
func translatedBy(name, project string) maker {
	stem := strings.TrimSuffix(path.Clean(name), path.Ext(name))
	for _, script := range scripts(project) {
		for _, line := range script.lines() {
			line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "- run:"))
			for n, word := range strings.Fields(line) {
				from := path.Clean(word)
				if n == 0 || from == path.Clean(name) || path.Ext(from) == "" || strings.TrimSuffix(from, path.Ext(from)) != stem {
					continue
				}
				if _, err := os.Stat(filepath.Join(project, filepath.FromSlash(from))); err == nil {
					return maker{script.name, strings.TrimPrefix(line, "@")}
				}
			}
		}
	}
	return maker{}
}

// notThere is how compilers say that a file is not there.
var notThere = regexp.MustCompile(`fatal error: '?([^\s':]+)'?(?:: No such file or directory| file not found)`)

// OfBuild returns what a failed build lacks, by what it printed.
func OfBuild(printed string) (lacks []worker.Lack) {
	for _, m := range notThere.FindAllStringSubmatch(printed, -1) {
		l := worker.Lack{Kind: worker.LackFile, Name: m[1]}
		if !slices.Contains(lacks, l) {
			lacks = append(lacks, l)
		}
	}
	return lacks
}

// headers names Debian's packages with the headers that builds ask for.
var headers = map[string]string{
	"libpq-fe.h": "libpq-dev", "ffi.h": "libffi-dev", "openssl/ssl.h": "libssl-dev", "openssl/opensslv.h": "libssl-dev", "zlib.h": "zlib1g-dev",
	"libxml/xmlversion.h": "libxml2-dev libxslt1-dev", "libxslt/xslt.h": "libxslt1-dev", "mysql.h": "default-libmysqlclient-dev", "yaml.h": "libyaml-dev", "jpeglib.h": "libjpeg-dev",
	"sqlite3.h": "libsqlite3-dev", "ldap.h": "libldap-dev", "lber.h": "libldap-dev", "sasl/sasl.h": "libsasl2-dev", "sasl.h": "libsasl2-dev", "gmp.h": "libgmp-dev", "curl/curl.h": "libcurl4-openssl-dev",
}
