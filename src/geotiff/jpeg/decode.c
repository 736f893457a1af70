/*
 * What decode.wasm offers: one JPEG after the other, from memory to memory. See jpeg-codec.ts, which calls it.
 *
 * An error of libjpeg-turbo traps. Its state is lost then, and so is this instance.
 */
#include <stdio.h>
#include <stdlib.h>

#include "jpeglib.h"
#include "jerror.h"

#define EXPORT(name) __attribute__((export_name(name)))

enum { DONE, NOT_AS_TOLD, NOT_FLAWLESS };

enum { MOST_SCANS = 100 };

/* Precisions and methods that are left out. decode() asks for no other precision; a lossless stream ends here. */
#define LEFT_OUT(name) void name(j_decompress_ptr any) { __builtin_trap(); }
#define LEFT_OUT_BUFFERED(name) void name(j_decompress_ptr any, boolean need_full_buffer) { __builtin_trap(); }
#define LEFT_OUT_PRECISION(prefix)              \
  LEFT_OUT(prefix##_color_deconverter)          \
  LEFT_OUT(prefix##_lossless_decompressor)      \
  LEFT_OUT(prefix##_upsampler)                  \
  LEFT_OUT_BUFFERED(prefix##_d_diff_controller) \
  LEFT_OUT_BUFFERED(prefix##_d_main_controller) \
  LEFT_OUT_BUFFERED(prefix##_d_post_controller)
LEFT_OUT_PRECISION(j12init)
LEFT_OUT_PRECISION(j16init)
LEFT_OUT(j12init_1pass_quantizer)
LEFT_OUT(j12init_2pass_quantizer)
LEFT_OUT(j12init_inverse_dct)
LEFT_OUT(j12init_merged_upsampler)
LEFT_OUT_BUFFERED(j12init_d_coef_controller)
LEFT_OUT(jinit_lhuff_decoder)
LEFT_OUT(jinit_lossless_decompressor)
LEFT_OUT_BUFFERED(jinit_d_diff_controller)

static void stop(j_common_ptr any) { __builtin_trap(); }

static void say_nothing(j_common_ptr any) {}

static void count_warning(j_common_ptr any, int level) {
  if (level < 0) any->err->num_warnings++;
}

/* A scan of a few bytes is work for the whole picture: streams of very many would take for ever. */
static void watch(j_common_ptr any) {
  if (((j_decompress_ptr)any)->input_scan_number > MOST_SCANS) stop(any);
}

static unsigned char *memory;
static size_t memory_size;

/* Memory of at least this many bytes, the same until more is asked for; NULL if there is not as much. */
EXPORT("room") unsigned char *room(size_t bytes) {
  if (bytes > memory_size) {
    free(memory);
    memory = malloc(bytes);
    memory_size = memory == NULL ? 0 : bytes;
  }
  return memory;
}

static int read_pixels(struct jpeg_decompress_struct *decoder, unsigned width, unsigned height, int samples,
                       unsigned char *pixels) {
  if (jpeg_read_header(decoder, TRUE) != JPEG_HEADER_OK || decoder->image_width != width ||
      decoder->image_height != height || decoder->num_components != samples || decoder->data_precision != 8)
    return NOT_AS_TOLD;
  decoder->out_color_space = samples == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_start_decompress(decoder);
  const size_t stride = (size_t)width * samples;
  while (decoder->output_scanline < height) {
    JSAMPROW rows[16];
    unsigned count = 0;
    for (; count < 16 && decoder->output_scanline + count < height; count++)
      rows[count] = pixels + (decoder->output_scanline + count) * stride;
    jpeg_read_scanlines(decoder, rows, count);
  }
  jpeg_finish_decompress(decoder);
  return decoder->err->num_warnings == 0 ? DONE : NOT_FLAWLESS;
}

/* Decodes a stream that should be of this size, gray (1 sample) or colour (3, to RGB), with 8 bits. */
EXPORT("decode")
int decode(const unsigned char *stream, unsigned long length, unsigned width, unsigned height, int samples,
           unsigned char *pixels) {
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress = {.progress_monitor = watch};
  /* One for each: it would lend a stream that lacks tables those of the one before. */
  struct jpeg_decompress_struct decoder = {.err = jpeg_std_error(&errors)};
  errors.error_exit = stop;
  errors.output_message = say_nothing;
  errors.emit_message = count_warning;
  jpeg_create_decompress(&decoder);
  decoder.progress = &progress;
  jpeg_mem_src(&decoder, stream, length);
  const int outcome = read_pixels(&decoder, width, height, samples, pixels);
  jpeg_destroy_decompress(&decoder);
  return outcome;
}
