#include "attend/train/data.h"

namespace attend {

void TextFiles::visit(OptionVisitor& v) {
  v(text, "text", "", "a language model's text; texts with their classes; stories; documents with questions: by task and model");
  v(dev_text, "dev_text", "", "what to validate on; without it a share of the training data");
}

void TableFiles::visit(OptionVisitor& v) {
  v(tsv, "tsv", "", "in place of data.source and data.target one file, source TAB target");
  v(dev_tsv, "dev_tsv", "", "in place of data.dev_source and data.dev_target one file, source TAB target");
}

void HeaderOptions::visit(OptionVisitor& v) { v(header, "header", false, "the first line of each file names columns"); }

void HeldOutOptions::visit(OptionVisitor& v) {
  v(dev_share, "dev_share", 0.05,
    "share of the training data to validate on where data.dev_pairs is 0; of pairs the default takes at most 1000", between(0, 0.9));
}

void PictureFiles::visit(OptionVisitor& v) {
  v(images, "images", "", "pictures: to classify, a folder with one for each class, or an idx file; to caption, a folder or a tar archive");
  v(dev_images, "dev_images", "", "pictures to validate on");
}

void VariedOptions::visit(OptionVisitor& v) {
  v(shift, "shift", 0, "pictures are moved by up to this many pixels in training", between(0, 1000));
  v(mirror, "mirror", false, "pictures are mirrored half of the time in training");
}

}  // namespace attend
