package tidemark.logstore;

import io.delta.storage.HadoopFileSystemLogStore;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.util.Iterator;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.awscore.exception.AwsServiceException;

/**
 * Delta's log on S3: an entry is put on the condition that there is none of its name, so that of any number of drivers
 * one gets the version. Delta's own store for S3 looks and then puts, which is safe within one driver only.
 *
 * <p>Compiled by Janino, which Spark brings: no lambdas, no try with resources, and casts where Java would infer them.
 */
public class ConditionalPutLogStore extends HadoopFileSystemLogStore {

  private static final Logger LOG = LoggerFactory.getLogger(ConditionalPutLogStore.class);
  private static final String CONDITION = "fs.option.create.conditional.overwrite";
  private static final String NO_LOOK_BEFORE = "fs.s3a.create.performance";
  private static final String PROBE = "_conditional_put";
  private static final int EXISTS = 412;
  private static final int IN_CONFLICT = 409;
  private static final int ATTEMPTS = 10;
  private static final long PAUSE = 100; // milliseconds, and more each time

  private static final Set<String> HONOURING = ConcurrentHashMap.newKeySet();

  public ConditionalPutLogStore(Configuration hadoopConf) {
    super(hadoopConf);
  }

  /** An object appears whole or not at all: Delta need not write beside and rename. */
  @Override
  public Boolean isPartialWriteVisible(Path path, Configuration hadoopConf) throws IOException {
    return Boolean.FALSE;
  }

  @Override
  public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration hadoopConf)
      throws IOException {
    FileSystem fileSystem = path.getFileSystem(hadoopConf);
    java.nio.file.Path entry = Files.createTempFile("delta-entry-", ".json");
    try {
      spool(actions, entry);
      if (overwrite.booleanValue()) {
        copy(entry, fileSystem.create(path, true));
      } else {
        verify(path.getParent(), hadoopConf);
        create(fileSystem, path, entry);
      }
    } finally {
      Files.delete(entry);
    }
  }

  /**
   * Makes sure, once for each bucket, that the store refuses to put over an object where it was told not to.
   *
   * <p>An object in {@code folder} stays there for it: the first put of all times makes it, every other is refused.
   *
   * @throws IOException where the store overwrites: two drivers would both be told that they had a version
   */
  public static void verify(Path folder, Configuration hadoopConf) throws IOException {
    FileSystem fileSystem = folder.getFileSystem(hadoopConf);
    String bucket = fileSystem.getUri().toString();
    if (HONOURING.contains(bucket)) {
      return;
    }
    Path probe = new Path(folder, PROBE);
    java.nio.file.Path nothing = Files.createTempFile("delta-probe-", "");
    try {
      if (isPut(fileSystem, probe, nothing) && isPut(fileSystem, probe, nothing)) {
        throw new IOException(
            bucket + " ignores the condition If-None-Match of a put: two writers would both be told that their"
                + " commit was taken. Nothing was written.");
      }
    } finally {
      Files.delete(nothing);
    }
    HONOURING.add(bucket);
  }

  /** Puts the entry unless there is one. Whatever is answered, what lies there then is what counts. */
  private static void create(FileSystem fileSystem, Path path, java.nio.file.Path entry) throws IOException {
    boolean ours;
    try {
      ours = isPut(fileSystem, path, entry);
    } catch (InterruptedIOException stopped) {
      throw stopped;
    } catch (IOException failure) {
      // The put may have been done and its answer lost: a commit must not be told as failed then.
      if (!exists(fileSystem, path, failure)) {
        throw failure;
      }
      ours = false;
      LOG.warn("The answer to the put of {} was lost; it is looked at what lies there", path, failure);
    }
    if (!ours && !isSame(fileSystem, path, entry)) {
      throw new FileAlreadyExistsException(path.toString());
    }
  }

  /** Whether the object was put; false where there is one. What two at once let the store refuse is tried again. */
  private static boolean isPut(FileSystem fileSystem, Path path, java.nio.file.Path content) throws IOException {
    int attempt = 1;
    while (true) {
      try {
        copy(content, conditional(fileSystem, path));
        return true;
      } catch (IOException failure) {
        int status = status(failure);
        if (status == EXISTS) {
          return false;
        }
        if (status != IN_CONFLICT || attempt == ATTEMPTS) {
          throw failure;
        }
      }
      pause(PAUSE * attempt);
      attempt += 1;
    }
  }

  private static FSDataOutputStream conditional(FileSystem fileSystem, Path path) throws IOException {
    FSDataOutputStreamBuilder builder = fileSystem.createFile(path);
    builder.overwrite(false);
    builder.must(CONDITION, true);
    builder.opt(NO_LOOK_BEFORE, true);
    try {
      return (FSDataOutputStream) builder.build();
    } catch (IllegalArgumentException unknown) {
      throw new IOException(
          fileSystem.getUri() + " is reached by " + fileSystem.getClass().getName()
              + ", which cannot put on a condition; use s3a:// with Hadoop 3.4.2 or newer. Nothing was written.",
          unknown);
    }
  }

  private static void spool(Iterator<String> actions, java.nio.file.Path entry) throws IOException {
    OutputStream spooled = new BufferedOutputStream(Files.newOutputStream(entry));
    try {
      while (actions.hasNext()) {
        spooled.write(((String) actions.next()).getBytes(StandardCharsets.UTF_8));
        spooled.write('\n');
      }
    } finally {
      spooled.close();
    }
  }

  /** What breaks off while it is read must not become an object. */
  private static void copy(java.nio.file.Path content, FSDataOutputStream object) throws IOException {
    try {
      Files.copy(content, object);
    } catch (IOException failure) {
      object.abort();
      throw failure;
    }
    object.close();
  }

  private static boolean exists(FileSystem fileSystem, Path path, IOException failure) {
    try {
      return fileSystem.exists(path);
    } catch (IOException again) {
      failure.addSuppressed(again);
      return false;
    }
  }

  /** Whether the object is this entry: each holds the random id of its transaction, so no other writer's is equal. */
  private static boolean isSame(FileSystem fileSystem, Path path, java.nio.file.Path entry) throws IOException {
    InputStream here = new BufferedInputStream(Files.newInputStream(entry));
    try {
      InputStream there = new BufferedInputStream(fileSystem.open(path));
      try {
        int read = here.read();
        while (read >= 0 && read == there.read()) {
          read = here.read();
        }
        return read < 0 && there.read() < 0;
      } finally {
        there.close();
      }
    } catch (FileNotFoundException gone) {
      throw new IOException(path + " was refused as existing, and is not there", gone);
    } finally {
      here.close();
    }
  }

  /** The HTTP status with which S3 refused; 0 where it did not. */
  private static int status(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof AwsServiceException) {
        return ((AwsServiceException) cause).statusCode();
      }
    }
    return 0;
  }

  private static void pause(long milliseconds) throws InterruptedIOException {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("stopped while a put was tried again");
    }
  }
}
