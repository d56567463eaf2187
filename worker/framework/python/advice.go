package python

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/internal/shell"
	"github.com/shardyard/shardyard/worker/framework"
)

// AdviseModule returns what to do about a module that tests could not import: it is
// in the project and not on the path, it is made by a build, or a package is not
// installed. onPath is how to put a directory of the project on the path.
func AdviseModule(name string, d framework.Desk, onPath func(dir string) string) framework.Advice {
	a := framework.Advice{What: "no module " + name}
	top, below, dotted := strings.Cut(name, ".")
	if dotted {
		file := path.Join(top, strings.ReplaceAll(below, ".", "/"))
		for _, dir := range []string{"", "src"} {
			for _, f := range []string{path.Join(dir, file+".py"), path.Join(dir, file)} {
				if d.Has(f) {
					a.Do = fmt.Sprintf("%s is in the checkout: if git ignores it, write `source: {include: [%s]}` to %s, or let a command of prepare make it", f, f, d.Config)
					return a
				}
			}
		}
		if packaged, ok := packages[name]; ok {
			a.Do = Add(packaged, d)
		}
		return a
	}
	if reason, ok := removed[top]; ok {
		a.Do = reason
		return a
	}
	if dir, ok := homeOf(top, d.Dir); ok {
		where := dir
		if dir == "." {
			where = "the project's directory"
		}
		a.Do = fmt.Sprintf("it is in %s, which `python -m` and an editor put on the path: %s", where, onPath(dir))
		return a
	}
	packaged, ok := packages[top]
	if !ok {
		packaged = strings.ReplaceAll(top, "_", "-")
	}
	a.Do = Add(packaged, d)
	return a
}

// Add returns how to install a package for the tests.
func Add(packaged string, d framework.Desk) string {
	return fmt.Sprintf("add `uv pip install %s` to setup in %s, or %s to the project's dependencies for tests", shell.Word(packaged), d.Config, packaged)
}

// homeOf returns the directory of a project that holds a module: the project
// itself, or one right below it.
func homeOf(module, project string) (dir string, ok bool) {
	entries, err := os.ReadDir(project)
	if err != nil {
		return "", false
	}
	dirs := []string{".", "src", "lib", "tests", "test"}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(dirs, e.Name()) && !IsEnvironment(filepath.Join(project, e.Name())) {
			dirs = append(dirs, e.Name())
		}
	}
	for _, dir := range dirs {
		at := filepath.Join(project, dir, module)
		if info, err := os.Stat(at + ".py"); err == nil && info.Mode().IsRegular() {
			return dir, true
		}
		if found, err := filepath.Glob(filepath.Join(escape(at), "*.py")); err == nil && len(found) > 0 {
			return dir, true
		}
	}
	return "", false
}

// escape makes a pattern of a path that matches this path only.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// packages are the names of packages that are not those of their modules.
var packages = map[string]string{
	"Crypto": "pycryptodome", "Cryptodome": "pycryptodomex", "MySQLdb": "mysqlclient", "OpenSSL": "pyOpenSSL", "PIL": "pillow",
	"Xlib": "python-xlib", "_cffi_backend": "cffi", "attr": "attrs", "bs4": "beautifulsoup4", "cairo": "pycairo", "cv2": "opencv-python-headless", "dateutil": "python-dateutil",
	"distutils": "setuptools", "django": "Django", "dns": "dnspython", "docx": "python-docx", "dotenv": "python-dotenv", "fitz": "PyMuPDF", "flask_sqlalchemy": "Flask-SQLAlchemy",
	"gi": "PyGObject", "git": "GitPython", "github": "PyGithub", "google.protobuf": "protobuf", "grpc": "grpcio", "grpc_tools": "grpcio-tools", "jose": "python-jose", "jwt": "PyJWT",
	"kafka": "kafka-python", "ldap": "python-ldap", "levenshtein": "Levenshtein", "magic": "python-magic", "markdown_it": "markdown-it-py", "mpl_toolkits": "matplotlib", "multipart": "python-multipart",
	"nacl": "PyNaCl", "pkg_resources": "setuptools<81", "psycopg2": "psycopg2-binary", "pymysql": "PyMySQL", "pythoncom": "pywin32", "ruamel": "ruamel.yaml", "ruamel.yaml": "ruamel.yaml",
	"serial": "pyserial", "skimage": "scikit-image", "sklearn": "scikit-learn", "slugify": "python-slugify", "snappy": "python-snappy", "socks": "PySocks",
	"telegram": "python-telegram-bot", "usb": "pyusb", "win32api": "pywin32", "yaml": "PyYAML", "zmq": "pyzmq",
	"pytest_asyncio": "pytest-asyncio", "pytest_cov": "pytest-cov", "pytest_mock": "pytest-mock", "rest_framework": "djangorestframework", "factory": "factory-boy",
	"googleapiclient": "google-api-python-client", "apiclient": "google-api-python-client", "elftools": "pyelftools", "fuse": "fusepy",
}

// removed are modules that newer versions of Python do not have.
var removed = map[string]string{
	"asynchat":  "Python 3.12 removed it: write `image: python:3.11-slim`, or add `uv pip install pyasynchat` to setup",
	"asyncore":  "Python 3.12 removed it: write `image: python:3.11-slim`, or add `uv pip install pyasyncore` to setup",
	"imp":       "Python 3.12 removed it: write `image: python:3.11-slim`",
	"smtpd":     "Python 3.12 removed it: write `image: python:3.11-slim`",
	"cgi":       "Python 3.13 removed it: write `image: python:3.12-slim`, or add `uv pip install legacy-cgi` to setup",
	"crypt":     "Python 3.13 removed it: write `image: python:3.12-slim`",
	"imghdr":    "Python 3.13 removed it: write `image: python:3.12-slim`, or add `uv pip install standard-imghdr` to setup",
	"pipes":     "Python 3.13 removed it: write `image: python:3.12-slim`",
	"telnetlib": "Python 3.13 removed it: write `image: python:3.12-slim`, or add `uv pip install standard-telnetlib` to setup",
	"_tkinter":  "this Python is built without Tk: write an image that has it, or install python3-tk and write `image: host`",
	"tkinter":   "this Python is built without Tk: write an image that has it, or install python3-tk and write `image: host`",
	"_sqlite3":  "this Python is built without SQLite: take another one, or write `image: auto`",
	"_bz2":      "this Python is built without bzip2: take another one, or write `image: auto`",
	"_lzma":     "this Python is built without lzma: take another one, or write `image: auto`",
}
