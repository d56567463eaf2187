package docker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// image holds the facts of an image that matter here.
type image struct {
	ID     string
	Env    []string
	Labels map[string]string
}

// defaultPath is PATH where an image does not say.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (i image) path() string {
	for _, kv := range i.Env {
		if p, ok := strings.CutPrefix(kv, "PATH="); ok && p != "" {
			return p
		}
	}
	return defaultPath
}

func (e *Engine) inspect(ctx context.Context, ref string) (image, error) {
	found, err := e.cli.ImageInspect(ctx, ref)
	if err != nil {
		return image{}, fmt.Errorf("look up image %s: %w", ref, err)
	}
	i := image{ID: found.ID}
	if found.Config != nil {
		i.Env, i.Labels = found.Config.Env, found.Config.Labels
	}
	return i, nil
}

// image looks an image up, once.
func (e *Engine) image(ctx context.Context, ref string) (image, error) {
	return e.once.images.do(ctx, ref, func() (image, error) { return e.inspect(ctx, ref) })
}

// labelChange is labels as an instruction of a Dockerfile.
func labelChange(labels map[string]string) string {
	var b strings.Builder
	b.WriteString("LABEL")
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(&b, " %s=%s", k, strconv.Quote(labels[k]))
	}
	return b.String()
}

// progress is one message of the stream with which the engine answers what
// takes long.
type progress struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Progress string `json:"progress"`
	Error    string `json:"error"`
}

func (p progress) String() string {
	return strings.TrimSpace(strings.Join([]string{p.ID, p.Status, p.Progress}, " "))
}

// eachProgress reads such a stream to its end. The error is the engine's, if
// it tells one.
func eachProgress(r io.Reader, see func(progress)) error {
	for dec := json.NewDecoder(bufio.NewReader(r)); ; {
		var p progress
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case p.Error != "":
			return errors.New(p.Error)
		}
		see(p)
	}
}

func streamError(r io.Reader) error { return eachProgress(r, func(progress) {}) }
