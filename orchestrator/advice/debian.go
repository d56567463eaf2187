package advice

// programs names the packages of Debian that have programs.
var programs = map[string]string{
	"7z": "p7zip-full", "bash": "bash", "bzip2": "bzip2", "cargo": "cargo", "chromium": "chromium", "clang": "clang", "cmake": "cmake", "convert": "imagemagick", "curl": "curl",
	"dig": "dnsutils", "docker": "docker.io", "dot": "graphviz", "espeak": "espeak", "exiftool": "libimage-exiftool-perl", "ffmpeg": "ffmpeg", "ffprobe": "ffmpeg", "file": "file",
	"firefox": "firefox-esr", "fish": "fish", "g++": "g++", "gcc": "gcc", "gdb": "gdb", "getfacl": "acl", "gettext": "gettext", "gfortran": "gfortran", "gh": "gh", "git": "git",
	"gnuplot": "gnuplot", "go": "golang-go", "gpg": "gnupg", "gs": "ghostscript", "hg": "mercurial", "initdb": "postgresql", "inkscape": "inkscape", "ip": "iproute2", "java": "default-jre-headless",
	"javac": "default-jdk-headless", "jq": "jq", "ldconfig": "libc-bin", "less": "less", "locale-gen": "locales", "localedef": "locales", "lsof": "lsof", "make": "make", "man": "man-db",
	"memcached": "memcached", "msgfmt": "gettext", "msgmerge": "gettext", "mysql": "default-mysql-client", "mysqld": "default-mysql-server", "nc": "netcat-openbsd", "netstat": "net-tools",
	"nginx": "nginx-light", "ninja": "ninja-build", "node": "nodejs", "npm": "npm", "openssl": "openssl", "pandoc": "pandoc", "patch": "patch", "patchelf": "patchelf", "pdfinfo": "poppler-utils",
	"pdflatex": "texlive-latex-base", "pdftoppm": "poppler-utils", "pdftotext": "poppler-utils", "perl": "perl", "pg_config": "libpq-dev", "pg_ctl": "postgresql", "pg_dump": "postgresql-client",
	"php": "php-cli", "ping": "iputils-ping", "pkg-config": "pkg-config", "postgres": "postgresql", "protoc": "protobuf-compiler", "ps": "procps", "psql": "postgresql-client", "qpdf": "qpdf",
	"Rscript": "r-base-core", "R": "r-base-core", "redis-cli": "redis-tools", "redis-server": "redis-server", "rsync": "rsync", "ruby": "ruby", "rustc": "rustc", "screen": "screen", "sox": "sox",
	"sqlite3": "sqlite3", "ssh": "openssh-client", "ssh-keygen": "openssh-client", "sshd": "openssh-server", "strace": "strace", "sudo": "sudo", "svn": "subversion", "swig": "swig", "tesseract": "tesseract-ocr",
	"tmux": "tmux", "top": "procps", "tree": "tree", "unrar": "unrar-free", "unzip": "unzip", "vim": "vim-tiny", "wget": "wget", "which": "debianutils", "xgettext": "gettext", "xmllint": "libxml2-utils",
	"xsltproc": "xsltproc", "Xvfb": "xvfb", "xvfb-run": "xvfb", "xz": "xz-utils", "zip": "zip", "zsh": "zsh", "zstd": "zstd",
}

// libraries names the packages of Debian that have libraries, by their names
// without ".so", or with it where versions differ.
var libraries = map[string]string{
	"libasound": "libasound2", "libatomic": "libatomic1", "libaugeas": "libaugeas0", "libblas": "libblas3", "libcairo": "libcairo2", "libcurl": "libcurl4", "libEGL": "libegl1",
	"libenchant-2": "libenchant-2-2", "libexpat": "libexpat1", "libffi": "libffi8", "libfontconfig": "libfontconfig1", "libfreetype": "libfreetype6", "libfuse": "libfuse2", "libgdal": "libgdal-dev",
	"libgdk_pixbuf-2.0": "libgdk-pixbuf-2.0-0", "libgeos_c": "libgeos-c1v5", "libgfortran": "libgfortran5", "libgirepository-1.0": "libgirepository-1.0-1", "libGL": "libgl1", "libGLU": "libglu1-mesa",
	"libglib-2.0": "libglib2.0-0", "libgobject-2.0": "libglib2.0-0", "libgobject-2.0-0": "libglib2.0-0", "libgomp": "libgomp1", "libgssapi_krb5": "libgssapi-krb5-2", "libgthread-2.0": "libglib2.0-0",
	"libICE": "libice6", "libjpeg": "libjpeg62-turbo", "liblapack": "liblapack3", "libldap": "libldap-2.5-0", "libmagic": "libmagic1", "libmariadb": "libmariadb3", "libmysqlclient": "default-libmysqlclient-dev",
	"libnss3": "libnss3", "libodbc": "unixodbc", "libopenblas": "libopenblas0", "libOpenGL": "libopengl0", "libpango-1.0": "libpango-1.0-0", "libpango-1.0-0": "libpango-1.0-0",
	"libpangocairo-1.0": "libpangocairo-1.0-0", "libpangoft2-1.0": "libpangoft2-1.0-0", "libportaudio": "libportaudio2", "libpq": "libpq5", "libproj": "libproj-dev", "libpulse": "libpulse0", "libsasl2": "libsasl2-2",
	"libSM": "libsm6", "libsndfile": "libsndfile1", "libsodium": "libsodium23", "libspatialindex": "libspatialindex6", "libspatialite": "libspatialite7", "libsqlite3": "libsqlite3-0", "libssl": "libssl3",
	"libtesseract": "libtesseract5", "libtk8.6": "tk", "libusb-1.0": "libusb-1.0-0", "libX11": "libx11-6", "libxcb": "libxcb1", "libxcb-cursor": "libxcb-cursor0", "libXext": "libxext6", "libxkbcommon": "libxkbcommon0",
	"libxml2": "libxml2", "libxmlsec1": "libxmlsec1", "libXrender": "libxrender1", "libxslt": "libxslt1.1", "libyaml-0": "libyaml-0-2", "libz": "zlib1g", "libzbar": "libzbar0", "libzmq": "libzmq5",
}

// ports names the servers that usually listen on a port.
var ports = map[string]string{
	"1433": "SQL Server", "1521": "Oracle", "2181": "ZooKeeper", "2379": "etcd", "3306": "MySQL", "4222": "NATS", "5432": "PostgreSQL", "5433": "PostgreSQL", "5672": "RabbitMQ", "6379": "Redis", "6650": "Pulsar",
	"7687": "Neo4j", "8086": "InfluxDB", "8123": "ClickHouse", "8500": "Consul", "9000": "MinIO", "9042": "Cassandra", "9092": "Kafka", "9200": "Elasticsearch", "11211": "memcached", "25": "mail server",
	"27017": "MongoDB", "389": "LDAP", "4566": "LocalStack", "5439": "Redshift", "8200": "Vault",
}
