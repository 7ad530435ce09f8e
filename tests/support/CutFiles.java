package tidemark.tests;

import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.ChecksumFs;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;

/**
 * Local files of a machine that can end: after so many steps nothing is written, removed or read any more.
 *
 * <p>A step is what outlives the machine: a file that begins, one that is closed, a rename, a removal, a folder. Between
 * its beginning and its end a file holds some of its bytes, as it would on a disk.
 */
public class CutFiles extends LocalFileSystem {

  private static final AtomicLong DONE = new AtomicLong();
  private static volatile long first = Long.MAX_VALUE;
  private static volatile long last = Long.MAX_VALUE;

  public CutFiles() {
    super(new Raw());
  }

  /** From the step `after` on, `many` steps fail; later ones do not. */
  public static void fail(long after, long many) {
    DONE.set(0);
    first = after;
    last = many > Long.MAX_VALUE - after ? Long.MAX_VALUE : after + many;
  }

  /** How many steps were taken or tried since. */
  public static long done() {
    return DONE.get();
  }

  /** Whether nothing can be done now. */
  public static boolean isOver() {
    long now = DONE.get();
    return now >= first && now < last;
  }

  /** Takes a step; whether it can be done. */
  public static boolean step() {
    long now = DONE.getAndIncrement();
    return now < first || now >= last;
  }

  static void write() throws IOException {
    if (!step()) {
      throw new IOException("the disk does not answer");
    }
  }

  static void read() throws IOException {
    if (isOver()) {
      throw new IOException("the disk does not answer");
    }
  }

  public static class Raw extends LocalFiles.Raw {

    @Override
    protected OutputStream createOutputStreamWithMode(Path path, boolean append, FsPermission permission)
        throws IOException {
      write();
      return new Output(super.createOutputStreamWithMode(path, append, permission));
    }

    @Override
    public FSDataInputStream open(Path path, int size) throws IOException {
      read();
      return super.open(path, size);
    }

    @Override
    public FileStatus[] listStatus(Path path) throws IOException {
      read();
      return super.listStatus(path);
    }

    @Override
    public FileStatus getFileStatus(Path path) throws IOException {
      read();
      return super.getFileStatus(path);
    }

    @Override
    public boolean rename(Path from, Path to) throws IOException {
      write();
      return super.rename(from, to);
    }

    @Override
    public boolean delete(Path path, boolean recursive) throws IOException {
      write();
      return super.delete(path, recursive);
    }

    @Override
    public boolean mkdirs(Path path, FsPermission permission) throws IOException {
      write();
      return super.mkdirs(path, permission);
    }
  }

  static class Output extends OutputStream {

    private final OutputStream out;

    Output(OutputStream out) {
      this.out = out;
    }

    @Override
    public void write(int octet) throws IOException {
      read();
      out.write(octet);
    }

    @Override
    public void write(byte[] octets, int offset, int length) throws IOException {
      read();
      out.write(octets, offset, length);
    }

    @Override
    public void flush() throws IOException {
      out.flush();
    }

    @Override
    public void close() throws IOException {
      try {
        CutFiles.write();
      } finally {
        out.close();
      }
    }
  }

  /** The same for those who rename files by way of a `FileContext`. */
  public static class Context extends ChecksumFs {

    public Context(URI uri, Configuration conf) throws Exception {
      super(new LocalFiles.RawContext(conf, new Raw()));
    }
  }
}
