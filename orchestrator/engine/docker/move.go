package docker

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// The parts of a bundle: images as `docker save` writes them, and the package cache.
const (
	partImages   = "images"
	partPackages = "packages"
)

// importedRepository begins the names of images on their way in.
const importedRepository = "shardyard/imported:"

// Export implements [cache.Mover].
func (e *Engine) Export(ctx context.Context, b cache.Bundle, packages bool, out *cache.BundleWriter) error {
	images := []string{layerName(b.Key)}
	if _, err := e.inspect(ctx, images[0]); cerrdefs.IsNotFound(err) {
		return cache.ErrNotKept
	}
	if b.Image != "host" {
		switch _, err := e.inspect(ctx, b.Image); {
		case err == nil:
			images = append(images, b.Image)
		case !cerrdefs.IsNotFound(err): // else the other machine has it, or pulls it
			return err
		}
	}
	if err := e.exportPart(out, partImages, func() (io.ReadCloser, error) { return e.cli.ImageSave(ctx, images) }); err != nil {
		return err
	}
	if !packages {
		return nil
	}
	return e.readPackages(ctx, func(r io.Reader) error {
		if err := out.Part(partPackages, r); err != nil {
			return fmt.Errorf("export %s: %w", partPackages, err)
		}
		return nil
	})
}

// readPackages calls read with an archive of the package cache, if there is one. The names in
// it begin with one folder.
func (e *Engine) readPackages(ctx context.Context, read func(io.Reader) error) error {
	if overlays, err := e.overlays(ctx); err != nil {
		return err
	} else if overlays {
		g, err := e.generation(ctx)
		if err != nil || len(g.all()) == 0 {
			return err
		}
		return e.readGeneration(ctx, g.all(), read)
	}
	volume, err := e.cache(ctx, identity{})
	if err != nil {
		return err
	}
	return e.readVolume(ctx, volume, read)
}

func (e *Engine) exportPart(out *cache.BundleWriter, name string, open func() (io.ReadCloser, error)) error {
	archive, err := open()
	if err == nil {
		err = errors.Join(out.Part(name, archive), archive.Close())
	}
	if err != nil {
		return fmt.Errorf("export %s: %w", name, err)
	}
	return nil
}

// Import implements [cache.Mover]. The image becomes this project's, as if it had been
// built here.
func (e *Engine) Import(ctx context.Context, in *cache.BundleReader) (did cache.Imported, err error) {
	unlock, err := e.lockName(ctx, "key "+in.Key, nil)
	if err != nil {
		return did, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	_, found, err := e.Find(ctx, in.Key)
	if err != nil {
		return did, err
	}
	images := in.Part(partImages)
	if images == nil {
		return did, &cache.BundleError{Why: "it holds no images"}
	}
	if found {
		_, err = io.Copy(io.Discard, images)
	} else {
		err = e.importImages(ctx, in.Bundle, images)
		did.Environment = err == nil
	}
	if err != nil {
		return did, err
	}
	if packages := in.Part(partPackages); packages != nil {
		did.Packages, err = e.importPackages(ctx, packages)
	}
	return did, err
}

// importImages loads the images of a bundle, looks whether the environment is the one that
// was sealed, and keeps it.
func (e *Engine) importImages(ctx context.Context, b cache.Bundle, images io.Reader) (err error) {
	imported := importedRepository + strings.ToLower(rand.Text())
	names := map[string]string{layerName(b.Key): imported}
	if _, err := e.inspect(ctx, b.Image); cerrdefs.IsNotFound(err) {
		base := familiar(b.Image)
		names[base] = base
	}
	defer func() {
		failed := err != nil
		for was, is := range names {
			if was == is && !failed {
				continue // the base stays
			}
			err = errors.Join(err, e.untag(ctx, is))
		}
	}()
	err = engine.Piped(func(w io.Writer) error { return renamed(images, w, names) }, func(r io.Reader) error {
		out, err := e.cli.ImageLoad(ctx, r)
		if err != nil {
			return err
		}
		return errors.Join(streamError(out.Body), out.Body.Close())
	})
	if err != nil {
		return fmt.Errorf("load images: %w", err)
	}
	return e.adopt(ctx, imported, func(cache.About) string { return b.Key })
}

// adopt keeps the environment in an image that came from elsewhere, as if this project had
// built it, under a key that keyOf gives. It looks whether the environment is the one that
// was sealed.
func (e *Engine) adopt(ctx context.Context, image string, keyOf func(cache.About) string) error {
	found, err := e.inspect(ctx, image)
	if cerrdefs.IsNotFound(err) {
		return &cache.BundleError{Why: "the environment that it names is not in it, or was made for another version of shardyard: export and import with the same one"}
	}
	if err != nil {
		return err
	}
	if found.Labels[labelRole] != kindSealed {
		return &cache.BundleError{Why: "what it names is no environment"}
	}
	about, err := e.About(ctx, engine.Layer(image))
	if err != nil {
		return err
	}
	return e.withIdle(ctx, image, nil, func(id string) error {
		is, err := e.digest(ctx, id)
		if err != nil {
			return err
		}
		if was := found.Labels[labelDigest]; was != "" && is != was {
			return &cache.BundleError{Why: "the files of its environment are not those that were sealed"}
		}
		_, err = e.commit(ctx, id, layerName(keyOf(about)), labelsWith(found.Labels, labelsWith(e.kept(kindSealed), map[string]string{labelHere: e.here, labelDigest: is})))
		return err
	})
}

// renamed copies what `docker save` wrote, and gives its images other names. One that has
// none is left out: a bundle takes no name from an image that is here.
func renamed(images io.Reader, w io.Writer, names map[string]string) error {
	tw := tar.NewWriter(w)
	for in := tar.NewReader(images); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, images)
			return errors.Join(err, tw.Close())
		}
		if err != nil {
			return err
		}
		switch path.Clean(h.Name) {
		case "repositories", "index.json", "oci-layout": // which name the images too
			continue
		case "manifest.json":
			text, err := rename(in, names)
			if err != nil {
				return err
			}
			if err := file(tw, h.Name, h.Mode, text); err != nil {
				return err
			}
			continue
		}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(tw, in); err != nil { //nolint:gosec // as much as the header says
			return err
		}
	}
}

// maxImageManifest bounds what is read of a list of images.
const maxImageManifest = 4 << 20

// rename gives the images of a manifest.json, as `docker save` writes it, other names,
// and leaves out those that have none.
func rename(manifest io.Reader, names map[string]string) ([]byte, error) {
	var list []map[string]any
	if err := json.NewDecoder(io.LimitReader(manifest, maxImageManifest)).Decode(&list); err != nil {
		return nil, &cache.BundleError{Why: fmt.Sprintf("its list of images cannot be read: %v", err)}
	}
	named := []map[string]any{}
	for _, image := range list {
		var kept []string
		tags, _ := image["RepoTags"].([]any) // null for an image without a name
		for _, tag := range tags {
			if name, ok := names[fmt.Sprint(tag)]; ok {
				kept = append(kept, name)
			}
		}
		if len(kept) > 0 {
			image["RepoTags"] = kept
			named = append(named, image)
		}
	}
	return json.Marshal(named)
}

// familiar returns an image's name as the engine writes it in lists, with its tag.
func familiar(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return image
	}
	return reference.FamiliarString(reference.TagNameOnly(named))
}

// importPackages fills the package cache, unless there is one.
func (e *Engine) importPackages(ctx context.Context, packages io.Reader) (filled bool, err error) {
	overlays, err := e.overlays(ctx)
	if err != nil {
		return false, err
	}
	if overlays {
		filled, err = e.importGeneration(ctx, packages)
	} else {
		_, err = e.cacheWith(ctx, identity{}, func(tw *tar.Writer) error {
			filled = true
			return transplant(packages, tw, fillAt, 1, 0, 0)
		})
	}
	if err == nil && !filled {
		_, err = io.Copy(io.Discard, packages)
	}
	return filled && err == nil, err
}

// importGeneration makes a generation of the package cache, unless there is one.
func (e *Engine) importGeneration(ctx context.Context, packages io.Reader) (filled bool, err error) {
	unlock, err := e.lockGeneration(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if g, err := e.generation(ctx); err != nil || len(g.all()) > 0 {
		return false, err
	}
	name, err := e.firstOfCache(ctx, func(tw *tar.Writer) error { return intoCache(packages, tw) })
	if err == nil {
		err = errors.Join(e.setMark(name, mark{}), e.setGeneration(generation{Own: []string{name}}))
	}
	return err == nil, err
}
