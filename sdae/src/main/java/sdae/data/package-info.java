/**
 * Images from files to batches: sources (idx files, folders, tar, zip), decoders (JPEG, PNG), augmentation, normalisation and
 * the loader that prepares batches ahead of the step. Everything here is a function of (files, settings, seed): the number of
 * workers, the order of a folder listing, the locale and a resume cannot change a batch.
 */
package sdae.data;
