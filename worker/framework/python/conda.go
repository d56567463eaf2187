package python

import (
	"regexp"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/internal/shell"
	"github.com/shardyard/shardyard/worker/framework"
)

// condaFiles are the names of conda's files: of the project, and of its development.
var condaFiles = [][]string{
	{"environment.yml", "environment.yaml", "conda.yml", "ci/environment.yml"},
	{"environment-dev.yml", "environment-dev.yaml", "environment_dev.yml", "dev-environment.yml", "environment-test.yml"},
}

// conda plans the installation of a project that only conda's files describe. Most
// packages are in the package index too, as wheels and under the same name; those
// that are programs or libraries of the system are not, and are named.
func (p *Project) conda(d *framework.Detected) bool {
	var all condaEnv
	for _, names := range condaFiles {
		i := slices.IndexFunc(names, p.Has)
		if i < 0 {
			continue
		}
		d.Evidence = append(d.Evidence, framework.Because(names[i], 0, "conda's packages, which are taken from the package index"))
		d.Key = append(d.Key, names[i])
		all.read(p.Read(names[i]))
	}
	if len(all.packages)+len(all.pip) == 0 {
		d.Evidence, d.Key = nil, nil
		return false
	}
	d.Kind = "conda"
	// As conda does it: pip comes second, and may replace what it cannot go with.
	for _, lines := range [][]string{all.packages, all.pip} {
		var words []string
		for _, line := range lines {
			if m := fileOption.FindStringSubmatch(line); m != nil {
				if !p.Has(m[2]) {
					continue
				}
				d.Key = append(d.Key, m[2])
				line = "-r " + shell.Word(m[2])
			} else {
				line = shell.Word(line)
			}
			words = append(words, line)
		}
		if len(words) > 0 {
			d.Setup = append(d.Setup, "uv pip install "+strings.Join(words, " "))
		}
	}
	if len(all.system) > 0 {
		d.Notes = append(d.Notes, strings.Join(all.system, ", ")+" of conda's file: in no package index, so the image must have what is needed of it (image: in shardyard.yaml)")
	}
	return true
}

// A condaEnv is what a file of conda's names.
type condaEnv struct {
	packages []string // as requirements
	pip      []string // what pip installs
	system   []string // what is no Python package
}

var (
	condaItem    = regexp.MustCompile(`^(\s*)-\s+(.*)$`)
	condaPackage = regexp.MustCompile(`^["']?(?:[A-Za-z0-9_-]+::)?([A-Za-z0-9_][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*([^"'#]*?)["']?\s*(?:#.*)?$`)
)

// read adds the dependencies of a file. It knows as much YAML as such files
// have: a list, and in it the list of pip.
func (e *condaEnv) read(text string) {
	inside, pip := false, false
	depth := 0
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " \r")
		if line == "" || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		m := condaItem.FindStringSubmatch(line)
		if m == nil {
			if line[0] != ' ' {
				inside, pip = strings.HasPrefix(line, "dependencies:"), false
			}
			continue
		}
		if !inside {
			continue
		}
		switch {
		case strings.TrimSpace(m[2]) == "pip:":
			pip, depth = true, len(m[1])
			continue
		case pip && len(m[1]) <= depth:
			pip = false
		}
		if pip {
			e.addPip(strings.Trim(comment(m[2]), `"'`))
		} else {
			e.add(m[2])
		}
	}
}

func (e *condaEnv) addPip(line string) {
	if fileOption.MatchString(line) || plainRequirement(line) || strings.Contains(line, "@ ") || strings.HasPrefix(line, "git+") {
		e.pip = append(e.pip, line)
	}
}

// add takes a package of conda's.
func (e *condaEnv) add(item string) {
	m := condaPackage.FindStringSubmatch(item)
	if m == nil || strings.Contains(item, "://") {
		return
	}
	name := strings.ToLower(m[1])
	switch renamed, known := condaNames[name]; {
	case known && renamed == "":
		return
	case known:
		name = renamed
	case condaSystem.MatchString(name):
		e.system = append(e.system, name)
		return
	}
	if line := name + condaVersion(m[2]); plainRequirement(line) && !SameName(e.packages, name) {
		e.packages = append(e.packages, line)
	}
}

// condaVersion writes conda's constraints as PEP 440 has them: =1.26 is ==1.26.*, and
// what stands behind the version is a build.
func condaVersion(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "|")
	if fields := strings.Fields(s); len(fields) > 0 && !strings.ContainsAny(fields[0], "<>!~") {
		s = fields[0]
	}
	s = strings.ReplaceAll(s, " ", "")
	if single, ok := strings.CutPrefix(s, "="); ok && !strings.HasPrefix(single, "=") {
		version, _, build := strings.Cut(single, "=")
		if build || strings.HasSuffix(version, "*") {
			return "==" + version
		}
		return "==" + version + ".*"
	}
	if s != "" && !strings.ContainsAny(s[:1], "<>=!~") {
		return "==" + s
	}
	return bareSeries.ReplaceAllString(s, "$1$2")
}

// bareSeries is a bound with a star, which only == and != may have.
var bareSeries = regexp.MustCompile(`([<>]=?[^,*]*?)\.\*(,|$)`)

// condaNames are packages that the package index has by another name; "" is not
// needed there.
var condaNames = map[string]string{
	"python": "", "pip": "", "uv": "", "conda": "", "mamba": "", "nomkl": "", "python_abi": "", "conda-build": "", "conda-lock": "", "mkl": "",
	"pytorch": "torch", "pytorch-cpu": "torch", "opencv": "opencv-python-headless", "py-opencv": "opencv-python-headless", "pytables": "tables",
	"python-graphviz": "graphviz", "msgpack-python": "msgpack", "matplotlib-base": "matplotlib", "dask-core": "dask", "pyqt": "PyQt5", "tensorflow-base": "tensorflow",
	"py-xgboost": "xgboost", "importlib_metadata": "importlib-metadata", "ruamel_yaml": "ruamel.yaml", "seaborn-base": "seaborn", "gql-with-all": "gql[all]",
	"black-jupyter": "black[jupyter]", "fonttools": "fonttools", "h3-py": "h3", "netcdf4": "netCDF4", "sqlalchemy": "SQLAlchemy", "python-duckdb": "duckdb",
	"jupyterlab_pygments": "jupyterlab-pygments", "line_profiler": "line-profiler", "typing_extensions": "typing-extensions", "faiss-cpu": "faiss-cpu",
	"pandas-core": "pandas", "coverage": "coverage[toml]", "pyarrow-core": "pyarrow", "uvicorn-standard": "uvicorn[standard]", "xarray-core": "xarray",
}

// condaSystem are packages that are no Python packages.
var condaSystem = regexp.MustCompile(`^(lib.*|_.*|.*compilers?|gcc.*|gxx.*|gfortran.*|clang.*|make|automake|autoconf|pkg-config|nodejs|yarn|npm|git|git-lfs|curl|wget|` +
	`openssl|zlib|zstd|bzip2|xz|sqlite|postgresql|postgis|redis|redis-server|mysql|openjdk|r-base|r-.*|gdal|geos|proj|hdf5|netcdf-c|fftw|blas|lapack|openblas|` +
	`boost|boost-cpp|eigen|ffmpeg|graphviz|pandoc|texlive.*|tk|qt.*|cudatoolkit|cuda.*|cudnn|nccl|openmpi|mpich|samtools|bedtools|blast|rust|go|perl|ruby|bash|gawk|swig|graph-tool|quarto)$`)
