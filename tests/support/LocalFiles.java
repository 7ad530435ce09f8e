package tidemark.tests;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.ChecksumFs;
import org.apache.hadoop.fs.DelegateToFileSystem;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FsConstants;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;

/**
 * Hadoop's local files, without its native library and without a process (`chmod`, `readlink`) for each file.
 *
 * <p>Compiled by Janino, which Spark brings.
 */
public class LocalFiles extends LocalFileSystem {

  public LocalFiles() {
    super(new Raw());
  }

  public static class Raw extends RawLocalFileSystem {

    @Override
    public void setPermission(Path path, FsPermission permission) throws IOException {
      if (permission.getStickyBit()) {
        super.setPermission(path, permission);
        return;
      }
      String letters =
          permission.getUserAction().SYMBOL + permission.getGroupAction().SYMBOL + permission.getOtherAction().SYMBOL;
      Files.setPosixFilePermissions(pathToFile(path).toPath(), PosixFilePermissions.fromString(letters));
    }

    @Override
    public FileStatus getFileLinkStatus(Path path) throws IOException {
      boolean link = Files.isSymbolicLink(pathToFile(path).toPath());
      return link ? super.getFileLinkStatus(path) : getFileStatus(path);
    }
  }

  /** The same for those who rename files by way of a `FileContext`: Delta's log, and Spark's checkpoints. */
  public static class Context extends ChecksumFs {

    public Context(URI uri, Configuration conf) throws Exception {
      super(new RawContext(conf, new Raw()));
    }
  }

  public static class RawContext extends DelegateToFileSystem {

    public RawContext(Configuration conf, RawLocalFileSystem files) throws Exception {
      super(FsConstants.LOCAL_FS_URI, files, conf, FsConstants.LOCAL_FS_URI.getScheme(), false);
    }

    @Override
    public int getUriDefaultPort() {
      return -1;
    }

    @Override
    public boolean isValidName(String name) {
      return true;
    }
  }
}
