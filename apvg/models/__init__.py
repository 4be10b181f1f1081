"""The paper's stages, one file each: KHP, DLT, CVG, FPVG with its STU, and the discriminators."""
