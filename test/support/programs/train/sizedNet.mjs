// A network for colour images of one size, which says so.
import { Flatten, Linear, Sequential } from 'receptive/nn';

export const inputShape = [3, 16, 14];

export default ({ classes }) => new Sequential([new Flatten(), new Linear(3 * 16 * 14, classes)]);
