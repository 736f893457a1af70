import { describeAgainstGdal, describeFaces } from './real-rasters.ts';

const RASTERS = [
  'scenes/landfire_mt_hood_fuel_classes.tif',
  'data/nasa-bluemarble-igbp/centre_label.tif',
  'data/nasa-bluemarble-igbp/west_label.tif',
  'data/nasa-bluemarble-igbp/centre_label_native_0.1deg.tif',
];

describeFaces(RASTERS);
describeAgainstGdal(RASTERS);
