import { defaultCheckpoint } from './trainOptions';

/** @param models Names of models. @param augmentations A line for each. */
export function trainHelp(models: readonly string[], augmentations: readonly string[]): string {
  return `usage: receptive train --model M --data D [options]

Trains a network to tell classes of images apart.

  --model M             a model of receptive/models: ${models.join(', ')};
                        or a file: a module whose default export, given { classes, inputShape }, returns a Module of
                        receptive/nn; it may export inputShape, [C, H, W] of the images it is made for
  --data D              fashion-mnist        where Debian's dataset-fashion-mnist puts it
                        fashion-mnist:DIR    the four IDX files in DIR
                        images:DIR           DIR/train/CLASS/*.jpg and DIR/val/CLASS/*.jpg (needs the package sharp)
                        module:FILE          a module whose default export, given { split: 'train' | 'test' }, returns a
                                             data set of receptive/data; it exports classes, names or their number, and
                                             splits, ['train'], if it has no test split

Training
  --epochs N            10
  --batch N             images per step, 64
  --optimizer O         sgd, adam, adamw or rmsprop; sgd
  --lr X                learning rate; 0.05 for sgd, 0.001 for others
  --momentum X          of sgd and rmsprop; 0.9 for sgd, 0 for rmsprop
  --weight-decay X      0.0005 for sgd, 0.01 for adamw, 0 for others
  --schedule S          of the learning rate: cosine (to 0 at the end), step or constant; cosine
  --step-epochs E       step: epochs between two falls, a third of --epochs
  --step-factor X       step: the factor of a fall, 0.1
  --warmup E            epochs, with parts, over which the learning rate rises first; 0
  --seed N              of the weights, the order of the images and their augmentation; 1

Images
  --augment LIST        none, or a list such as crop:2,flip of
${augmentations.map((line) => `                          ${line}`).join('\n')}
  --no-normalise        values stay between 0 and 1; else each channel has mean 0 and variance 1
  --resize              brings images to the size the model is made for, and repeats the channel of grey ones; without it
                        the model must take the images as they are

Validation, after each epoch
  --val-split F         holds this part of the training images back and validates with them; the data's own test images are
                        used once, at the end. 0: the test images validate, so that the best epoch is chosen by them
  --patience N          ends the run after N epochs without a lower validation loss

Checkpoints
  --checkpoint DIR      DIR/last.safetensors after each epoch, DIR/best.safetensors after the epoch with the lowest
                        validation loss; none keeps none; ${defaultCheckpoint}
  --checkpoint-steps N  and after every N steps
  --checkpoint-minutes N  and after every N minutes, 10
  --resume              goes on where DIR/last.safetensors stopped, with its settings, as if never stopped; --epochs may be
                        given anew, and all of validation, output and machine but --val-split
  --overwrite           begins anew where DIR has a run already

Output
  --report F.html       a page with the curves, rewritten as training goes (needs the packages vega and vega-lite)
  --json F              settings and history, rewritten after each epoch

Machine
  --device D            cpu, cuda, cuda:1 or auto
  --threads N           compute threads
  --workers N           threads that prepare images, 1; 0: the main thread does it between steps

Several processes
  --distributed mpi     trains in all processes that mpirun of Open MPI has started, each with an equal part of every batch:
                        mpirun -n 2 --bind-to none npx receptive train ... --distributed mpi
                        --batch is that of all together, a multiple of their number; the weights are those of one process but
                        for rounding (batch normalisation sees each process' part alone). --threads and --workers are of
                        each process, which would take all processors. All need the data, and the checkpoint folder to
                        resume; the first one prints and writes files. Without mpirun it is a single process. On the CPU

SIGINT and SIGTERM finish the step, save and exit; a second one exits at once, the checkpoint before stays whole. With
--distributed one to any of the processes stops all of them. mpirun passes on its own a second later, and kills what is left
after another second (--mca odls_base_sigkill_timeout 30: after thirty); npx does not wait for the end then, while
node_modules/.bin/receptive in its place does.
Exit status: 0 done, 1 failed, 2 wrong command line, 130 or 143 stopped by SIGINT or SIGTERM.`;
}
