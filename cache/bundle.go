package cache

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// A Bundle is an environment on its way to another machine, as one file: a tar archive,
// compressed by gzip. Its first member, bundle.json, is this; the others are those of the
// archives that an engine put in as parts, below the part's name.
type Bundle struct {
	Version  int    `json:"version"`
	Engine   string `json:"engine"`   // which wrote it, and can read it
	Platform string `json:"platform"` // "linux/amd64"
	Image    string `json:"image"`    // the base's name, as the user writes it
	Key      string `json:"key"`      // of the environment
}

const (
	bundleVersion = 1
	bundleFile    = "bundle.json"
	// maxBundleFile bounds what is read of bundle.json.
	maxBundleFile = 64 << 10
)

// A BundleError reports a file that is no bundle, or not one that can be used.
type BundleError struct{ Why string }

func (e *BundleError) Error() string { return e.Why }

// ErrNotKept says that an environment to export is not there any more.
var ErrNotKept = errors.New("it is not kept any more")

// A BundleWriter writes a bundle.
type BundleWriter struct {
	gz *gzip.Writer
	tw *tar.Writer
}

// WriteBundle begins a bundle.
func WriteBundle(w io.Writer, b Bundle) (*BundleWriter, error) {
	b.Version = bundleVersion
	text, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	gz, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	tw := tar.NewWriter(gz)
	err = tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: bundleFile, Mode: 0o644, Size: int64(len(text)), ModTime: time.Now()})
	if err == nil {
		_, err = tw.Write(text)
	}
	return &BundleWriter{gz, tw}, err
}

// Part puts an archive in, below a name.
func (w *BundleWriter) Part(name string, archive io.Reader) error {
	for in := tar.NewReader(archive); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, archive) // padding, which its writer waits for to be read
			return err
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		h.Name = below(name, h.Name)
		if h.Typeflag == tar.TypeLink {
			h.Linkname = below(name, h.Linkname)
		}
		if err := w.member(h, in); err != nil {
			return fmt.Errorf("write %s: %w", h.Name, err)
		}
	}
}

func (w *BundleWriter) member(h *tar.Header, content io.Reader) error {
	h.Format = tar.FormatPAX // which holds long names, and times to the nanosecond
	if err := w.tw.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(w.tw, content) //nolint:gosec // as much as the header says
	return err
}

// Close ends the bundle, not what it is written to.
func (w *BundleWriter) Close() error { return errors.Join(w.tw.Close(), w.gz.Close()) }

// A BundleReader reads a bundle.
type BundleReader struct {
	Bundle

	gz   *gzip.Reader
	tr   *tar.Reader
	next *tar.Header // the member that was read last, of which nobody has taken anything; nil at the end
}

// ReadBundle begins to read a bundle. A file that is none is a [*BundleError].
func ReadBundle(r io.Reader) (*BundleReader, error) {
	gz, err := gzip.NewReader(r)
	if err != nil {
		return nil, &BundleError{"it is no file that `shardyard cache export` wrote"}
	}
	in := &BundleReader{gz: gz, tr: tar.NewReader(gz)}
	h, err := in.tr.Next()
	if err != nil || h.Name != bundleFile || json.NewDecoder(io.LimitReader(in.tr, maxBundleFile)).Decode(&in.Bundle) != nil {
		return nil, &BundleError{"it is no file that `shardyard cache export` wrote"}
	}
	if in.Version != bundleVersion {
		return nil, &BundleError{fmt.Sprintf("it is of version %d and this shardyard reads version %d: export and import with the same shardyard", in.Version, bundleVersion)}
	}
	if in.Key == "" || in.Engine == "" {
		return nil, &BundleError{"it names no environment"}
	}
	return in, in.advance()
}

// Part returns the part that comes next, as an archive of its own, to be read to its end;
// nil if that has another name, or there is none. Parts come in the order in which they
// were written.
func (r *BundleReader) Part(name string) io.Reader {
	if !r.at(name) {
		return nil
	}
	p := &part{from: r, name: name}
	p.tw = tar.NewWriter(&p.buf)
	return p
}

// A part is an archive that is written while it is read.
type part struct {
	from   *BundleReader
	name   string
	buf    bytes.Buffer // written, and not read yet
	tw     *tar.Writer  // to buf
	inside bool         // a member
	done   bool
}

func (p *part) Read(b []byte) (int, error) {
	for p.buf.Len() == 0 {
		if p.done {
			return 0, io.EOF
		}
		if err := p.more(); err != nil {
			return 0, err
		}
	}
	return p.buf.Read(b)
}

// more writes a piece of the archive.
func (p *part) more() error {
	switch {
	case p.inside:
		_, err := io.CopyN(p.tw, p.from.tr, 64<<10)
		if !errors.Is(err, io.EOF) {
			return damaged(err)
		}
		p.inside = false
		return p.from.advance()
	case p.from.at(p.name):
		p.inside = true
		h := *p.from.next
		h.Name = strings.TrimPrefix(h.Name, p.name+"/")
		if h.Typeflag == tar.TypeLink {
			h.Linkname = strings.TrimPrefix(h.Linkname, p.name+"/")
		}
		if h.Name == "" {
			h.Name = "./"
		}
		return p.tw.WriteHeader(&h)
	default:
		p.done = true
		return p.tw.Close()
	}
}

func (r *BundleReader) at(part string) bool {
	return r.next != nil && strings.HasPrefix(r.next.Name, part+"/")
}

// Skip reads to the end, and returns an error if the file is cut short or damaged.
func (r *BundleReader) Skip() error {
	for r.next != nil {
		if err := r.advance(); err != nil {
			return err
		}
	}
	_, err := io.Copy(io.Discard, r.gz) //nolint:gosec // it is kept nowhere
	return damaged(errors.Join(err, r.gz.Close()))
}

func (r *BundleReader) advance() (err error) {
	r.next, err = r.tr.Next()
	if errors.Is(err, io.EOF) {
		r.next = nil
		return nil
	}
	return damaged(err)
}

func damaged(err error) error {
	if err == nil {
		return nil
	}
	return &BundleError{fmt.Sprintf("it is cut short or damaged (%v): copy it again", err)}
}

// below returns an archive's name below a part's.
func below(part, name string) string {
	inside := path.Join(part, path.Clean("/"+name))
	if strings.HasSuffix(name, "/") || inside == part {
		inside += "/"
	}
	return inside
}
